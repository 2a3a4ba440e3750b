<?php

declare(strict_types=1);

// Sends COUNT messages, RATE a second, in turn to channels spread over
// CHANNELS of them, with the seed's library or, for the log layout, with ours:
//
//   php writer.php legacy|log HOST:PORT CHANNELS COUNT RATE
//
// A message is "<its number> <unix seconds>", the time right before it is
// sent. Connections and objects are made before. At the end it prints how many
// milliseconds it was behind its pace at most, and how many of CPU it used to
// send.

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

/** What this process has used, in milliseconds. */
$cpu = static function (): float {
    $usage = getrusage();
    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e3
        + ($usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']) / 1e3;
};

$used = $cpu();
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
printf("%.1f %.1f\n", $behind * 1000, $cpu() - $used);
