<?php

declare(strict_types=1);

// php waiter.php URL CHANNEL CLIENT SECONDS: joins a gateway's channel, says
// "waits", waits for messages, and tells the first that come as JSON.

require __DIR__ . '/../../autoload.php';

[, $url, $channel, $name, $seconds] = $argv;
$client = new CommChannel\CommChannel(new CommChannel\GatewayCommStore($url, $channel), $name);
$client->getMessages();
echo "waits\n";
echo json_encode(array_slice($client->waitForMessages((float) $seconds), 0, 1)), "\n";
