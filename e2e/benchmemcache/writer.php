<?php

declare(strict_types=1);

// Sends COUNT messages, RATE a second, in turn to channels spread over
// CHANNELS of them, with the seed's library or, for the log layout, with ours:
//
//   php writer.php legacy|log HOST:PORT CHANNELS COUNT RATE
//
// A message is "<its number> <unix seconds>", the time right before it is
// sent. Connections and objects are made before. At the end it prints how many
// milliseconds it was behind its pace at most.

[, $layout, $server, $channels, $count, $rate] = $argv;
[$host, $port] = explode(':', $server);
require $layout === 'log' ? __DIR__ . '/../../client-php/autoload.php' : __DIR__ . '/../php/legacy/load.php';

$spread = max(1, intdiv((int) $channels, min((int) $channels, (int) $count)));
$senders = [];
for ($i = 0; $i < $count; $i++) {
    $number = $i * $spread % (int) $channels;
    if (isset($senders[$number])) {
        continue;
    }
    if ($layout === 'log') {
        $senders[$number] = new JSCommChannel(new CommChannel\LogCommStore($server, "bench-$number"), 'writer');
        $senders[$number]->send('msg', 'connects, and makes the channel');
    } else {
        $senders[$number] = new JSCommChannel(new MemcacheCommStore($host, $port, "bench-$number"), 'writer');
    }
}

$behind = 0.0;
$begin = microtime(true);
for ($i = 0; $i < $count; $i++) {
    $wait = $begin + $i / $rate - microtime(true);
    if ($wait > 0) {
        usleep((int) ($wait * 1e6));
    } else {
        $behind = max($behind, -$wait);
    }
    $senders[$i * $spread % (int) $channels]->send('msg', sprintf('%d %.6F', $i, microtime(true)));
}
printf("%.1f\n", $behind * 1000);
