<?php

declare(strict_types=1);

// A client of a channel, driven line by line:
//
//   php agent.php legacy|client HOST:PORT CHANNEL CLIENTID Comm|JS|Native
//
// "legacy" is the equivalent of the old library beside this file, "client" the
// library in client-php. Each line on stdin is a JSON object, each is answered
// by one line of JSON on stdout; nothing else is written there.
//
//   {"do":"send","payload":P}                 Comm: sends P
//   {"do":"send","type":T,"payload":P}        JS, Native
//   {"do":"sendmany","n":N,"prefix":S}        sends S0, S1, ... S<N-1>; with "type" for JS, Native
//   {"do":"get"}                              the new messages; Native takes a "type", too
//   {"do":"reply","id":I,"payload":P}         Native
//   {"do":"ask","type":T,"payload":P,"timeout":SECONDS}    Native: sends and waits for the reply
//   {"do":"quit"}                             as does the end of stdin
//
// An answer is {"ok":true,"began":B,"time":E,...}, B and E in seconds since
// 1970 with microseconds: when the work began and when it was done. More:
// send "id" (null where the library tells none), sendmany "sent", get
// "messages" as the library returns them, ask "reply" or false. What the
// library throws is {"ok":false,"error":text,"class":name}, and the agent lives on.

ini_set('display_errors', 'stderr');
error_reporting(E_ALL);

if ($argc !== 6) {
    fwrite(STDERR, "usage: agent.php legacy|client HOST:PORT CHANNEL CLIENTID Comm|JS|Native\n");
    exit(2);
}
[, $library, $server, $channelID, $clientID, $class] = $argv;
$loaders = ['legacy' => __DIR__ . '/legacy/load.php', 'client' => __DIR__ . '/../../client-php/autoload.php'];
$classes = ['Comm' => 'CommChannel', 'JS' => 'JSCommChannel', 'Native' => 'NativeCommChannel'];
if (!isset($loaders[$library], $classes[$class]) || !str_contains($server, ':')) {
    fwrite(STDERR, "agent.php: bad arguments\n");
    exit(2);
}
require $loaders[$library];
[$host, $port] = explode(':', $server);
$channel = new $classes[$class](new MemcacheCommStore($host, $port, $channelID), $clientID);

$send = static function (array $command, mixed $payload) use ($channel, $class): mixed {
    return match ($class) {
        'Comm' => $channel->send($payload),
        'JS' => $channel->send($command['type'] ?? 'msg', $payload),
        'Native' => $channel->send($payload, $command['type'] ?? 'message'),
    };
};

$do = static function (array $command) use ($channel, $class, $send): array {
    switch ($command['do'] ?? '') {
        case 'send':
            return ['id' => $send($command, $command['payload'] ?? null)];
        case 'sendmany':
            for ($i = 0; $i < $command['n']; $i++) {
                $send($command, $command['prefix'] . $i);
            }
            return ['sent' => $i];
        case 'get':
            return ['messages' => isset($command['type']) ? $channel->getMessages($command['type']) : $channel->getMessages()];
        case 'reply':
            $channel->reply($command['id'], $command['payload'] ?? null);
            return [];
        case 'ask':
            return ['reply' => $channel->sendAndWait($command['payload'], $command['type'] ?? 'message', $command['timeout'] ?? 10.0)];
    }
    throw new InvalidArgumentException('unknown command ' . json_encode($command));
};

while (($line = fgets(STDIN)) !== false) {
    try {
        $command = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
        if (($command['do'] ?? '') === 'quit') {
            echo json_encode(['ok' => true, 'time' => microtime(true)]), "\n";
            break;
        }
        $began = microtime(true);
        $answer = $do($command);
        $answer = ['ok' => true, 'began' => $began, 'time' => microtime(true)] + $answer;
    } catch (Throwable $e) {
        $answer = ['ok' => false, 'error' => $e->getMessage(), 'class' => $e::class, 'time' => microtime(true)];
    }
    echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
}
