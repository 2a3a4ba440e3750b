<?php

class CommChannel
{
    public function __construct($store, $clientID)
    {
        $this->store = $store;
        $this->clientID = $clientID;
    }

    public function send($msg)
    {
        return $this->store->addMsg($msg);
    }

    public function getMessages()
    {
        $record = $this->store->getClient($this->clientID);
        if ($record === false) {
            $ids = $this->store->getMsgIDs();
            $this->store->setClient($this->clientID, end($ids));
            $record = $this->store->getClient($this->clientID);
        }
        $last = $record['lastID'];
        $started = $last === false;
        $messages = array();
        $walked = $last;
        foreach ($this->store->getMsgIDs() as $id) {
            $walked = $id;
            if ($started && substr($id, 0, 1) != '_') {
                $messages[] = $this->store->getMsg($id);
            }
            if ($id === $last) {
                $started = true;
            }
        }
        if ($walked !== $last) {
            $this->store->setClient($this->clientID, $walked);
        }
        return $messages;
    }
}
