<?php

declare(strict_types=1);

// php writer.php PORT CHANNEL NAME N: sends "NAME 0", "NAME 1"... to a channel.

require __DIR__ . '/../../autoload.php';

[, $port, $channel, $name, $n] = $argv;
$store = new CommChannel\MemcacheCommStore('127.0.0.1', $port, $channel);
for ($i = 0; $i < (int) $n; $i++) {
    $store->addMsg("$name $i");
}
