<?php

declare(strict_types=1);

// php answerer.php PORT CHANNEL: joins, says "ready", answers one message of
// type "double" with twice its n, and ends.

require __DIR__ . '/load.php';
require __DIR__ . '/../../autoload.php';

[, $port, $channel] = $argv;
$client = new CommChannel\NativeCommChannel(new CommChannel\MemcacheCommStore('127.0.0.1', $port, $channel), 'answerer');
$client->getMessages();
echo "ready\n";
CommChannel\Tests\await('a question', static function () use ($client): bool {
    foreach ($client->getMessages('double') as $question) {
        $client->reply($question, 2 * $question['payload']['n']);
        return true;
    }
    return false;
});
