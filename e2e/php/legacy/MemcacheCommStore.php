<?php

interface CommStore
{
    public function addMsg($msg);
    public function getMsg($id);
    public function delMsg($id);
    public function getMsgIDs();
    public function getClient($clientID);
    public function setClient($clientID, $lastID);
    public function removeClient($clientID);
}

class MemcacheCommStore implements CommStore
{
    private $memcache;
    private $channelID;

    public function __construct($host, $port, $channelID)
    {
        $this->host = $host;
        $this->port = $port;
        $this->channelID = $channelID;
        $this->memcache = new Memcache();
        $this->memcache->addServer($host, (int) $port);
        $this->load(); // a channel that is not there is fine, too
    }

    public function addMsg($msg)
    {
        $id = uniqid();
        $this->put($id, $msg);
        return $id;
    }

    public function getMsg($id)
    {
        $data = $this->load();
        return $data['messages'][$id];
    }

    public function delMsg($id)
    {
        $this->lock();
        $data = $this->load();
        unset($data['messages'][$id]);
        $this->save($data);
        $this->unlock();
    }

    /** All ids in order, those of clients' records included. */
    public function getMsgIDs()
    {
        $data = $this->load();
        return array_keys($data['messages']);
    }

    /** The client's record, or false. */
    public function getClient($clientID)
    {
        $data = $this->load();
        return isset($data['messages']["_overhead_$clientID"]) ? $data['messages']["_overhead_$clientID"] : false;
    }

    public function setClient($clientID, $lastID)
    {
        $this->put("_overhead_$clientID", array('lastID' => $lastID));
    }

    public function removeClient($clientID)
    {
        $this->delMsg("_overhead_$clientID");
    }

    private function put($id, $value)
    {
        $this->lock();
        $data = $this->load();
        $data['messages'][$id] = $value;
        $this->save($data);
        $this->unlock();
    }

    private function load()
    {
        $json = $this->memcache->get('channel_' . $this->channelID);
        if ($json === false) {
            return array('lastid' => 0, 'messages' => array());
        }
        return json_decode($json, true);
    }

    private function save($data)
    {
        $json = json_encode(array('lastid' => $data['lastid'], 'messages' => $data['messages']));
        $this->memcache->set('channel_' . $this->channelID, $json, MEMCACHE_COMPRESSED, 30);
    }

    private function lock()
    {
        while (!$this->memcache->add('channel_lock_' . $this->channelID, 1, 0, 5)) {
            usleep(100);
        }
    }

    private function unlock()
    {
        $this->memcache->delete('channel_lock_' . $this->channelID);
    }
}
