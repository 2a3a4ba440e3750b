<?php

declare(strict_types=1);

// php log_writer.php PORT CHANNEL NAME N: says "ready" and sends "NAME 0",
// "NAME 1"... to a channel in the log layout.

require __DIR__ . '/../../autoload.php';

[, $port, $channel, $name, $n] = $argv;
$client = new CommChannel\JSCommChannel(new CommChannel\LogCommStore("127.0.0.1:$port", $channel, grace: 1.0), $name);
echo "ready\n";
for ($i = 0; $i < (int) $n; $i++) {
    $client->send('msg', "$name $i");
}
