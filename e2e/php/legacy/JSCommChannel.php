<?php

class JSCommChannel extends CommChannel
{
    public function send($type, $msg = null)
    {
        return parent::send(json_encode(array('type' => $type, 'msg' => $msg, 'from' => $this->clientID)));
    }

    public function getMessages()
    {
        $messages = array();
        foreach (parent::getMessages() as $text) {
            $messages[] = json_decode($text, true);
        }
        return $messages;
    }
}
