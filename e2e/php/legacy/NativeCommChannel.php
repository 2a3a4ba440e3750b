<?php

class NativeCommChannel extends CommChannel
{
    private $buffer = array();

    public function send($payload, $type = 'message')
    {
        $id = uniqid();
        $this->write($type, $id, $payload);
        return $id;
    }

    public function reply($id, $payload)
    {
        $this->write('reply', $id, $payload);
    }

    /** The messages of a type, by id, each once. */
    public function getMessages($type = 'message')
    {
        $this->fetch();
        $messages = isset($this->buffer[$type]) ? $this->buffer[$type] : array();
        $this->buffer[$type] = array();
        return $messages;
    }

    /** One message, which stays; null or false if it is not there. */
    public function getMessage($id, $type = null)
    {
        $this->fetch();
        if ($type !== null) {
            return isset($this->buffer[$type][$id]) ? $this->buffer[$type][$id] : false;
        }
        foreach ($this->buffer as $messages) {
            if (isset($messages[$id])) {
                return $messages[$id];
            }
        }
        return null;
    }

    public function sendAndWait($payload, $type = 'message', $timeout = 10)
    {
        $id = $this->send($payload, $type);
        $end = microtime(true) + $timeout;
        while (microtime(true) < $end) {
            $reply = $this->getMessage($id, 'reply');
            if ($reply) {
                return $reply;
            }
            usleep(100000);
        }
        return false;
    }

    private function write($type, $id, $payload)
    {
        parent::send(serialize(array('type' => $type, 'id' => $id, 'payload' => $payload)));
    }

    private function fetch()
    {
        foreach (parent::getMessages() as $text) {
            $m = unserialize($text);
            $this->buffer[$m['type']][$m['id']] = $m;
        }
    }
}
