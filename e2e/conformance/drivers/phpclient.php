<?php

// Moves the PHP library's GatewayCommStore for the conformance kit; package
// clients tells what it is told, and what it tells.
//
//   php phpclient.php URL CHANNEL CLIENTID longpoll

declare(strict_types=1);

use CommChannel\CommException;
use CommChannel\GatewayCommStore;
use CommChannel\GatewayRefused;
use CommChannel\JSCommChannel;
use CommChannel\StoreUnavailable;

require __DIR__ . '/../../../client-php/autoload.php';

// Seconds that are waited for messages, and then for the gateway to be there again.
const WAIT = 3.0;
const PAUSE = 0.5;

[, $url, $channel, $client] = $argv;

function tell(array $report): void
{
    echo json_encode($report, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION), "\n";
}

/** The next line of the standard input, null where there is none yet, false at its end. */
function command(): string|false|null
{
    $read = [STDIN];
    $write = $except = null;
    return stream_select($read, $write, $except, 0) > 0 ? fgets(STDIN) : null;
}

function send(JSCommChannel $out, string $line): void
{
    $do = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
    try {
        tell(['event' => 'sent', 'id' => $out->send($do['type'], $do['payload'])]);
    } catch (CommException $e) {
        tell(['event' => 'failed', 'code' => $e->getMessage()]);
    }
}

/** Tells what comes within WAIT. */
function listen(GatewayCommStore $store, string $client): void
{
    try {
        $messages = $store->waitForMessages($client, WAIT);
    } catch (StoreUnavailable) {
        usleep((int) (PAUSE * 1e6));
        return;
    }
    if ($store->missed($client)) {
        tell(['event' => 'gap']);
    }
    foreach ($messages as $id => $text) {
        $m = json_decode($text, flags: JSON_THROW_ON_ERROR);
        tell(['event' => 'message', 'id' => (string) $id] + array_intersect_key((array) $m, ['type' => 1, 'from' => 1, 'payload' => 1]));
    }
}

// The library gives everybody all messages, as the seed does; and it leaves it to
// its caller when to try again.
tell(['event' => 'lacks', 'what' => 'own']);
tell(['event' => 'lacks', 'what' => 'backoff']);

$store = new GatewayCommStore($url, $channel, timeout: 5.0);
$out = new JSCommChannel($store, $client);
$ended = false;
while (($line = command()) !== false) {
    if ($line !== null) {
        send($out, $line);
        continue;
    }
    if ($ended) {
        usleep(50_000);
        continue;
    }
    try {
        listen($store, $client);
    } catch (GatewayRefused $e) {
        tell(['event' => 'ended', 'code' => $e->gatewayCode]);
        $ended = true;
    }
}
