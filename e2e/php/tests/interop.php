<?php

declare(strict_types=1);

// php interop.php: the old library and client-php on the same channels, in
// processes of their own.

namespace CommChannel\E2E;

use CommChannel\Tests\MemcachedServer;
use CommChannel\Tests\Runner;

use function CommChannel\Tests\await;
use function CommChannel\Tests\claim;
use function CommChannel\Tests\same;

require __DIR__ . '/../../../client-php/tests/harness/load.php';
require __DIR__ . '/Agent.php';

$server = new MemcachedServer();
$number = 0;
$pair = static function (string $class) use ($server, &$number): array {
    $channel = 'interop' . ++$number;
    $old = new Agent('legacy', $server->port, $channel, 'old', $class);
    $new = new Agent('client', $server->port, $channel, 'new', $class);
    same([], $old->get());
    same([], $new->get());
    return [$old, $new, $channel];
};
$texts = ['hello', "h\u{e9}llo / \u{1f600} \"q\" <&'> \u{0}\u{7f}\u{2028}", '', '0', str_repeat('a', 500), '{"a":{}}'];

$runner = new Runner();
$runner->run('interop', [
    'texts, both ways' => static function () use ($pair, $texts): void {
        [$old, $new] = $pair('Comm');
        foreach ($texts as $text) {
            $old->do(['do' => 'send', 'payload' => $text]);
            $new->do(['do' => 'send', 'payload' => $text]);
        }
        $want = array_merge(...array_map(static fn ($t) => [$t, $t], $texts));
        same($want, $old->get(), 'old');
        same($want, $new->get(), 'new');
        same([[], []], [$old->get(), $new->get()], 'nothing twice');
        same([0, 0], [$old->quit(), $new->quit()], 'exit codes');
    },

    'typed messages, both ways' => static function () use ($pair): void {
        [$old, $new] = $pair('JS');
        $old->do(['do' => 'send', 'type' => 'msg', 'payload' => 'from old']);
        $new->do(['do' => 'send', 'type' => 'msg', 'payload' => ['n' => 1]]);
        same([
            ['type' => 'msg', 'msg' => 'from old', 'from' => 'old'],
            ['type' => 'msg', 'payload' => ['n' => 1], 'msg' => ['n' => 1], 'from' => 'new'],
        ], $old->get());
        same([
            ['type' => 'msg', 'msg' => 'from old', 'payload' => 'from old', 'from' => 'old'],
            ['type' => 'msg', 'msg' => ['n' => 1], 'payload' => ['n' => 1], 'from' => 'new'],
        ], $new->get());
    },

    'native messages, questions and answers both ways' => static function () use ($pair): void {
        [$old, $new] = $pair('Native');
        // One's own questions come back to oneself, hence a type for each direction.
        foreach (['old asks' => [$old, $new], 'new asks' => [$new, $old]] as $type => [$asker, $worker]) {
            $asker->tell(['do' => 'ask', 'type' => $type, 'payload' => ['n' => 4], 'timeout' => 10]);
            await('the question', static function () use ($worker, $type): bool {
                foreach ($worker->do(['do' => 'get', 'type' => $type])['messages'] as $m) {
                    $worker->do(['do' => 'reply', 'id' => $m['id'], 'payload' => 2 * $m['payload']['n']]);
                    return true;
                }
                return false;
            });
            same(8, $asker->hear()['reply']['payload'], $type);
        }
    },

    'one client moves between the two libraries at any poll' => static function () use ($server): void {
        $sender = new Agent('client', $server->port, 'moving', 'sender', 'Comm');
        $readers = [
            new Agent('legacy', $server->port, 'moving', 'me', 'Comm'),
            new Agent('client', $server->port, 'moving', 'me', 'Comm'),
        ];
        same([], $readers[0]->get());
        for ($i = 0; $i < 12; $i++) {
            $sender->do(['do' => 'send', 'payload' => "m$i"]);
            same(["m$i"], $readers[intdiv($i, 2) % 2]->get(), "poll $i");
        }
        same([[], []], [$readers[0]->get(), $readers[1]->get()]);
    },

    'writers of both at once: nothing lost, one order for all' => static function () use ($server): void {
        $readers = [
            new Agent('legacy', $server->port, 'crowd', 'r1', 'Comm'),
            new Agent('client', $server->port, 'crowd', 'r2', 'Comm'),
        ];
        foreach ($readers as $reader) {
            $reader->get();
        }
        $writers = [];
        foreach (['a' => 'client', 'b' => 'client', 'c' => 'legacy'] as $name => $library) {
            $writers[$name] = new Agent($library, $server->port, 'crowd', $name, 'Comm');
            $writers[$name]->tell(['do' => 'sendmany', 'n' => 200, 'prefix' => $name]);
        }
        foreach ($writers as $name => $writer) {
            same(200, $writer->hear()['sent'], $name);
        }
        [$old, $new] = [$readers[0]->get(), $readers[1]->get()];
        same($old, $new, 'the order of both readers');
        same(600, count(array_unique($new)));
        foreach (array_keys($writers) as $name) {
            $own = array_values(preg_grep("/^$name/", $new));
            same(array_map(static fn (int $i): string => "$name$i", range(0, 199)), $own, "messages of $name");
        }
    },

    'the agent tells what went wrong and lives on' => static function () use ($server): void {
        $agent = new Agent('client', $server->port, 'errors', 'x', 'JS');
        $agent->tell(['do' => 'dance']);
        $answer = $agent->hear();
        same([false, 'InvalidArgumentException'], [$answer['ok'], $answer['class']]);
        $nobody = new Agent('client', MemcachedServer::freePort(), 'errors', 'x', 'JS');
        $nobody->tell(['do' => 'get']);
        same('CommChannel\StoreUnavailable', $nobody->hear()['class']);
        $answer = $agent->do(['do' => 'send', 'payload' => 1]);
        claim($answer['time'] >= $answer['began'] && abs($answer['time'] - microtime(true)) < 5, 'times are of now');
        same(0, $agent->quit());
    },
]);
exit($runner->finish());
