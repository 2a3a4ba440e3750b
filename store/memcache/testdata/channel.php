<?php
// The commands that the PHP library gives to memcached, by the memcache
// extension, for tests. One process is one client.
//
//	php channel.php HOST PORT CHANNEL send PREFIX COUNT   appends PREFIX0, PREFIX1, ...
//	php channel.php HOST PORT CHANNEL put ID JSON ...     appends values as they are
//	php channel.php HOST PORT CHANNEL poll CLIENT         prints what is new to CLIENT as a JSON list
//	php channel.php HOST PORT CHANNEL follow CLIENT COUNT polls until COUNT messages came, prints them all

error_reporting(E_ALL & ~E_DEPRECATED);

class Channel
{
    private Memcache $memcache;
    private string $key;
    private string $lock;

    public function __construct(string $host, int $port, string $channel)
    {
        $this->memcache = new Memcache();
        if (!$this->memcache->connect($host, $port)) {
            throw new RuntimeException("no memcached on $host:$port");
        }
        $this->key = "channel_$channel";
        $this->lock = "channel_lock_$channel";
    }

    public function read(): ?array
    {
        $json = $this->memcache->get($this->key);
        return $json === false ? null : json_decode($json, true, 512, JSON_THROW_ON_ERROR);
    }

    /** The whole document is read, changed and written under the lock. */
    public function put(string $id, mixed $value): void
    {
        while (!$this->memcache->add($this->lock, 1, 0, 5)) {
            usleep(100);
        }
        $document = $this->read() ?? ['lastid' => 0, 'messages' => []];
        $document['messages'][$id] = $value;
        if (!$this->memcache->set($this->key, json_encode($document), MEMCACHE_COMPRESSED, 30)) {
            throw new RuntimeException('not stored');
        }
        $this->memcache->delete($this->lock);
    }

    public function poll(string $client): array
    {
        $own = "_overhead_$client";
        $place = $this->read()['messages'][$own] ?? null;
        if ($place === null) {
            $ids = array_keys($this->read()['messages'] ?? []);
            $place = ['lastID' => end($ids)];
            $this->put($own, $place);
        }
        $last = $place['lastID'];
        $started = $last === false;
        $found = [];
        $id = false;
        foreach ($this->read()['messages'] ?? [] as $id => $value) {
            if ($started && !str_starts_with((string) $id, '_')) {
                $found[] = $value;
            }
            $started = $started || $id === $last;
        }
        if ($id !== $last) {
            $this->put($own, ['lastID' => $id]);
        }
        return $found;
    }
}

[, $host, $port, $name, $command] = $argv;
$arguments = array_slice($argv, 5);
$channel = new Channel($host, (int) $port, $name);
switch ($command) {
    case 'send':
        // uniqid alone is not unique among processes: the library loses messages by it.
        for ($i = 0; $i < (int) $arguments[1]; $i++) {
            $channel->put(uniqid() . 'p' . getmypid(), $arguments[0] . $i);
        }
        break;
    case 'put':
        foreach (array_chunk($arguments, 2) as [$id, $json]) {
            $channel->put($id, json_decode($json, false, 512, JSON_THROW_ON_ERROR));
        }
        break;
    case 'poll':
        echo json_encode($channel->poll($arguments[0])), "\n";
        break;
    case 'follow':
        $channel->poll($arguments[0]);
        echo "ready\n";
        $all = [];
        $deadline = microtime(true) + 30;
        while (count($all) < (int) $arguments[1] && microtime(true) < $deadline) {
            $all = array_merge($all, $channel->poll($arguments[0]));
            usleep(2000);
        }
        echo json_encode($all), "\n";
        break;
    default:
        throw new RuntimeException("unknown command $command");
}
