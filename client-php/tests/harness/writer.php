<?php

declare(strict_types=1);

// php writer.php PORT CHANNEL NAME N [Extension|Socket]: sends "NAME 0",
// "NAME 1"... to a channel, by one way to memcached or another.

use CommChannel\Memcache\Access;

require __DIR__ . '/../../autoload.php';

[, $port, $channel, $name, $n] = $argv;
$access = ['Extension' => Access::Extension, 'Socket' => Access::Socket][$argv[5] ?? ''] ?? null;
$store = new CommChannel\MemcacheCommStore('127.0.0.1', $port, $channel, access: $access);
for ($i = 0; $i < (int) $n; $i++) {
    $store->addMsg("$name $i");
}
