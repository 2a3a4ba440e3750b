<?php

declare(strict_types=1);

// The other half of main.go, which tells how to run both. It works with the
// original library in the place of ours, too: only how it waits would differ.

require __DIR__ . '/../../client-php/autoload.php';

[, $host, $port, $channelID] = $argv;
$channel = new NativeCommChannel(new MemcacheCommStore($host, $port, $channelID), 'worker');
$channel->getMessages(); // joins: what was sent before is not new
echo "waiting\n";

foreach ($channel->waitForMessages(30.0, 'size?') as $message) {
    echo "Go asks for the size of {$message['payload']['image']}\n";
    $channel->reply($message, ['width' => 640, 'height' => 480]);
}

$reply = $channel->sendAndWait(['for' => 'prices'], 'currency?', 20.0);
if ($reply === false) {
    echo "Go did not answer\n";
    exit(1);
}
echo "Go says: {$reply['payload']['currency']}, {$reply['payload']['decimals']} decimals\n";
