<?php
// Reads {"servers": [[host, port], ...], "keys": [...]}, and writes for each
// key the "host:port" of the server that the memcached extension keeps it on.
$in = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
$memcached = new Memcached();
$memcached->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
$memcached->addServers($in['servers']);
$found = [];
foreach ($in['keys'] as $key) {
    $server = $memcached->getServerByKey($key);
    $found[] = $server['host'] . ':' . $server['port'];
}
echo json_encode($found);
