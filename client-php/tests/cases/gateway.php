<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\CommChannel;
use CommChannel\CommException;
use CommChannel\GatewayCommStore;
use CommChannel\GatewayRefused;
use CommChannel\JSCommChannel;
use CommChannel\MessageRefused;
use CommChannel\MessageTooLarge;
use CommChannel\NativeCommChannel;
use CommChannel\StoreUnavailable;

// The gateway keeps its messages in its own memory here; see gateway_memcache.

$gateway = null;
$number = 0;
/** A store on a channel of its own; with a name, one more on that channel. */
$fresh = static function (string $channel = '', string $since = '') use (&$gateway, &$number): GatewayCommStore {
    $gateway ??= new GatewayServer(['--hold', '1s']);
    return new GatewayCommStore($gateway->url(), $channel === '' ? 'gw' . ++$number : $channel, $since, timeout: 5.0);
};
/** Sends a message and waits until the gateway shows it: it does so some ms after it took it. */
$sendSeen = static function (GatewayCommStore $store, string $text): void {
    $store->getMessages('watcher');
    $store->addMsg($text);
    gather(1, static fn () => $store->getMessages('watcher'));
};
$seconds = static function (callable $do): float {
    $start = hrtime(true);
    $do();
    return (hrtime(true) - $start) / 1e9;
};

return [
    'texts go to all who joined, own ones included' => static function () use ($fresh, $sendSeen): void {
        $alice = new CommChannel($fresh('texts'), 'alice');
        $bob = new CommChannel($fresh('texts'), 'bob');
        $sendSeen($fresh('texts'), 'before');
        same([[], []], [$alice->getMessages(), $bob->getMessages()]);
        $texts = ['hello', '', '0', "h\u{e9}llo / \u{1f600} \"q\" <&'> \u{0}\u{7f}\u{2028}", '{"a":{}}', '{"type":"x","foo":1}', '{oops', '[1]'];
        foreach ($texts as $i => $text) {
            ($i % 2 === 0 ? $alice : $bob)->send($text);
        }
        same([$texts, $texts], [gather(8, $alice->getMessages(...)), gather(8, $bob->getMessages(...))]);
        same([[], []], [$alice->getMessages(), $bob->getMessages()]);
    },

    'values that are not strings' => static function () use ($fresh): void {
        $store = $fresh();
        $a = static fn (): array => $store->getMessages('a');
        $a();
        $values = [42, 1.5, 1.0, true, null, [], [1, 2], ['k' => ['n' => []]], ['' => 1], ["\0x" => ['y' => 1]]];
        foreach ($values as $value) {
            $store->addMsg($value);
        }
        same($values, array_values(gather(count($values), $a)));
    },

    'two clients of one store, and ids' => static function () use ($fresh): void {
        $store = $fresh();
        $store->getMessages('a');
        $store->getMessages(7);
        $ids = [$store->addMsg('one'), $store->addMsg('two')];
        foreach (['a', '7'] as $client) {
            same(array_combine($ids, ['one', 'two']), gather(2, static fn () => $store->getMessages($client)), $client);
        }
        $store->addMsg('three');
        same(['three'], array_values($store->waitForMessages('7', 5.0)));
        $store->removeClient('a');
        same([], $store->getMessages('a'), 'a joins anew');
    },

    'typed messages, as from a browser' => static function () use ($fresh): void {
        $store = $fresh();
        $alice = new JSCommChannel($store, 'alice');
        $bob = new JSCommChannel($store, 'bob');
        $alice->getMessages();
        $store->getMessages('raw');
        $bob->send('msg', 'Hello!');
        $bob->send('obj', ['a' => 1, 'l' => [], 'o' => new \stdClass(), 'f' => 1.5]);
        $store->addMsg('{"type":"r","payload":1,"from":"carol","reply_to":"m1"}');
        $store->addMsg('{"type":"m","msg":2}');
        $got = gather(4, $alice->getMessages(...));
        same([
            ['type' => 'msg', 'msg' => 'Hello!', 'payload' => 'Hello!', 'from' => 'bob'],
            ['type' => 'obj', 'msg' => $o = ['a' => 1, 'l' => [], 'o' => [], 'f' => 1.5], 'payload' => $o, 'from' => 'bob'],
            ['type' => 'r', 'msg' => 1, 'payload' => 1, 'from' => 'carol'],
        ], array_slice($got, 0, 3));
        same(['m', 2], [$got[3]['type'], $got[3]['payload']], 'msg without payload');
        claim($got[3]['from'] !== '', 'the gateway names a sender');
        $raw = array_values(gather(4, static fn () => $store->getMessages('raw')));
        same('{"type":"obj","payload":{"a":1,"l":[],"o":{},"f":1.5},"msg":{"a":1,"l":[],"o":{},"f":1.5},"from":"bob"}', $raw[1]);
        same('{"type":"r","payload":1,"msg":1,"from":"carol","reply_to":"m1"}', $raw[2]);
    },

    'what only other clients would send does no harm' => static function () use (&$gateway, $fresh): void {
        $store = $fresh('odd');
        $store->getMessages('a');
        $payloads = ['{"\u0000x":{"y":1}}', '1e999', '-1E+3', '"\ud83d\ude00"', '{"n":1e999,"m":2}', str_repeat('[', 60) . str_repeat(']', 60)];
        foreach (['t', ''] as $type) {
            foreach ($payloads as $payload) {
                $frames = '[{"op":"hello","clientid":"js"},{"op":"send","ref":1,"channel":"odd","type":"' . $type . '","payload":' . $payload . '}]';
                $context = stream_context_create(['http' => ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => $frames]]);
                claim(str_contains(file_get_contents($gateway->url(), false, $context), '"op":"sent"'), "sent $payload");
            }
        }
        $got = array_values(gather(12, static fn () => $store->getMessages('a')));
        same(12, count($got));
        same('{"type":"t","payload":{"\u0000x":{"y":1}},"msg":{"\u0000x":{"y":1}},"from":"js"}', $got[0]);
        same([["\0x" => ['y' => 1]], -1000.0, "\u{1f600}"], [$got[6], $got[8], $got[9]]);
    },

    'questions and answers' => static function () use ($fresh): void {
        $asker = new NativeCommChannel($fresh('native'), 'asker');
        $worker = new NativeCommChannel($fresh('native'), 'worker');
        $asker->getMessages();
        $worker->getMessages();
        $id = $asker->send(['n' => 21, 'f' => 1.5, 'l' => [1, null]], 'double');
        [$question] = $worker->waitForMessages(5.0, 'double');
        same(['type' => 'double', 'id' => $id, 'payload' => ['n' => 21, 'f' => 1.5, 'l' => [1, null]]], $question);
        $worker->reply($question, 42);
        same([['type' => 'reply', 'id' => $id, 'payload' => 42]], $asker->waitForMessages(5.0, 'reply'));
        same(false, $asker->sendAndWait('anybody?', 'message', 0.1));
    },

    'waiting ends with the first message' => static function () use (&$gateway, $fresh, $seconds): void {
        $alice = new JSCommChannel($fresh('waiting'), 'alice');
        $alice->getMessages();
        $sender = Child::start('sender.php', $gateway->url(), 'waiting', 'bob', '1', '1500');
        same('ready', $sender->line());
        $took = $seconds(static function () use ($alice): void {
            same(['bob 0'], array_column($alice->waitForMessages(10.0), 'msg'));
        });
        claim($took > 1.0 && $took < 4.0, "it comes after more than the gateway's hold time of a second, took $took");
        same(0, $sender->end());
    },

    'waiting in vain takes as long as it was told to' => static function () use ($fresh, $seconds): void {
        foreach ([0.0, 0.3, 1.6] as $wait) {
            $store = $fresh();
            $took = $seconds(static fn () => same([], $store->waitForMessages('a', $wait)));
            claim($took >= $wait && $took < $wait + 1.0, "$wait s, took $took");
        }
    },

    'more than one answer holds, in one call' => static function () use ($fresh): void {
        $store = $fresh();
        $store->getMessages('a');
        $store->getMessages('b');
        $texts = [];
        for ($i = 0; $i < 50; $i++) {
            $store->addMsg($texts[] = $i . str_repeat('x', 50_000));
        }
        gather(50, static fn () => $store->getMessages('b'));
        same(sha1(implode($texts)), sha1(implode($store->getMessages('a'))));
        same(false, $store->missed('a'));
    },

    'a client that is made anew goes on with the cursor' => static function () use ($fresh, $sendSeen): void {
        $first = $fresh('since');
        $start = $first->cursor();
        $sendSeen($first, 'one');
        $alice = new CommChannel($first, 'alice');
        $joined = $alice->cursor();
        same([], $alice->getMessages(), 'alice joins behind one');
        $first->addMsg('two');
        same(['two'], $alice->waitForMessages(5.0));
        $first->addMsg('three');
        foreach ([[$start, ['one', 'two', 'three']], [$joined, ['two', 'three']], [$alice->cursor(), ['three']]] as $i => [$since, $want]) {
            $again = $fresh('since', $since);
            same($since, $again->cursor('alice'), "place $i");
            same($want, array_values(gather(count($want), static fn () => $again->getMessages('alice'))), "from place $i");
            same(false, $again->missed('alice'));
        }
    },

    'an answer that is lost: the message is there once' => static function () use (&$gateway, $fresh): void {
        $store = $fresh('lost');
        $store->getMessages('a');
        $relay = Child::start('relay.php', $gateway->address, '1');
        $unlucky = new GatewayCommStore("http://127.0.0.1:{$relay->line()}/channel", 'lost');
        $unlucky->addMsg('once');
        $unlucky->addMsg('more');
        same(['once', 'more'], array_values(gather(2, static fn () => $store->getMessages('a'))));
    },

    'and an answer with messages is asked for again' => static function () use (&$gateway, $fresh): void {
        $store = $fresh('again');
        $relay = Child::start('relay.php', $gateway->address, '1');
        $unlucky = new GatewayCommStore("http://127.0.0.1:{$relay->line()}/channel", 'again', $store->cursor());
        $store->addMsg('x');
        same(['x'], array_values(gather(1, static fn () => $unlucky->getMessages('a'))));
        same([], $unlucky->getMessages('a'));
    },

    'what the gateway refuses, by its code' => static function () use (&$gateway, $fresh): void {
        $code = static function (string $class, callable $do): string {
            try {
                $do();
            } catch (CommException $e) {
                claim($e instanceof $class && str_contains($e->getMessage(), "{$e->gatewayCode}: "), "$class, got " . $e::class . ": {$e->getMessage()}");
                return $e->gatewayCode;
            }
            throw new Failure("got no exception, want $class");
        };
        $store = $fresh();
        same('bad_channel', $code(GatewayRefused::class, static fn () => $fresh('lock_x')->addMsg('x')));
        same('bad_channel', $code(GatewayRefused::class, static fn () => $fresh('a b')->getMessages('a')));
        same('bad_client', $code(GatewayRefused::class, static fn () => $store->getMessages('a b')));
        same('bad_client', $code(GatewayRefused::class, static fn () => (new JSCommChannel($store, 'a b'))->send('x', 1)));
        same('forbidden', $code(GatewayRefused::class, static fn () => $fresh('192.0.2.7_x')->waitForMessages('a', 1.0)));
        $fresh('192.0.2.7_x')->addMsg('anybody may');
        same('too_large', $code(MessageTooLarge::class, static fn () => $store->addMsg(str_repeat('x', 100_000))));
        same('too_large', $code(MessageTooLarge::class, static fn () => $store->addMsg(str_repeat('x', 1_000_000))));
        same('bad_frame', $code(GatewayRefused::class, static fn () => $store->addMsg(json_decode(str_repeat('[', 100) . str_repeat(']', 100)))));
        $elsewhere = new GatewayCommStore("http://{$gateway->address}/elsewhere", 'c');
        same('bad_frame', $code(GatewayRefused::class, static fn () => $elsewhere->getMessages('a')));
        $store->getMessages('a');
        $store->addMsg('still works');
        same(['still works'], array_values($store->waitForMessages('a', 5.0)));
    },

    'what can not be sent is refused before it does harm' => static function () use ($fresh): void {
        $store = $fresh();
        foreach (["\xff", INF, NAN, STDIN] as $msg) {
            throws(MessageRefused::class, 'this: ', static fn () => $store->addMsg($msg));
        }
        throws(CommException::class, 'takes no message out', static fn () => $store->delMsg('x'));
        foreach (['', 'example.com', 'ftp://example.com/', 'http://', "http://a/\r\nX: y", '/channel'] as $url) {
            throws(\InvalidArgumentException::class, "gateway's URL", static fn () => new GatewayCommStore($url, 'c'));
        }
    },

    'nobody there, or nobody who answers: said so in time' => static function () use ($seconds): void {
        $methods = [
            static fn (GatewayCommStore $store) => $store->addMsg('x'),
            static fn (GatewayCommStore $store) => $store->getMessages('a'),
            static fn (GatewayCommStore $store) => $store->waitForMessages('a', 30.0),
            static fn (GatewayCommStore $store) => $store->cursor(),
        ];
        $nobody = 'http://127.0.0.1:' . MemcachedServer::freePort() . '/channel';
        $own = new GatewayServer();
        $own->pause();
        foreach ([[$nobody, 'refused', 1.0], [$own->url(), 'timeout', 3.0]] as [$url, $text, $most]) {
            foreach ($methods as $i => $method) {
                $took = $seconds(static fn () => throws(StoreUnavailable::class, $text, static fn () => $method(new GatewayCommStore($url, 'c', timeout: 0.5))));
                claim($took < $most, "$text, method $i within $most s, took $took");
            }
        }
        $own->resume();
        (new GatewayCommStore($own->url(), 'c'))->addMsg('works again');
    },

    'the gateway hangs while one waits: said so, and nothing is lost' => static function (): void {
        $own = new GatewayServer();
        $store = new GatewayCommStore($own->url(), 'c', timeout: 0.5);
        $store->getMessages('a');
        $own->pause();
        throws(StoreUnavailable::class, 'timeout', static fn () => $store->waitForMessages('a', 0.3));
        $own->resume();
        $store->addMsg('x');
        same(['x'], array_values($store->waitForMessages('a', 5.0)));
    },

    'a gateway that keeps messages in memory starts anew: the gap is told, once' => static function (): void {
        $own = new GatewayServer();
        $store = new GatewayCommStore($own->url(), 'c');
        $alice = new CommChannel($store, 'alice');
        $alice->getMessages();
        $alice->send('one');
        same(['one'], $alice->waitForMessages(5.0));
        same(false, $store->missed('alice'));
        $own->kill();
        throws(StoreUnavailable::class, 'refused', static fn () => $alice->getMessages());
        $own->start();
        $alice->getMessages();
        same([true, false], [$store->missed('alice'), $store->missed('alice')]);
        $alice->send('two');
        same(['two'], $alice->waitForMessages(5.0));
        same(false, $store->missed('alice'));
    },

    'a client that was away for too long is told of the gap' => static function (): void {
        $own = new GatewayServer(['--store', 'memory://?messages=5']);
        $store = new GatewayCommStore($own->url(), 'c');
        $store->getMessages('a');
        $store->getMessages('b');
        $got = [];
        for ($i = 0; $i < 120; $i++) {
            // More than the gateway keeps of a channel besides what its store does.
            $store->addMsg($i . str_repeat('x', 60_000));
            array_push($got, ...array_map(intval(...), array_values($store->getMessages('a'))));
        }
        array_push($got, ...array_map(intval(...), array_values(gather(120 - count($got), static fn () => $store->getMessages('a')))));
        same(range(0, 119), $got, 'a is there all the time');
        $late = array_map(intval(...), array_values($store->getMessages('b')));
        same(range(120 - count($late), 119), $late, 'b gets the newest');
        claim(count($late) >= 5 && count($late) < 120, 'at least what the store keeps, got ' . count($late));
        same([false, true, false], [$store->missed('a'), $store->missed('b'), $store->missed('b')]);
    },

    'a gateway that is going away sends the waiting client to the next one' => static function (): void {
        $own = new GatewayServer();
        $store = new GatewayCommStore($own->url(), 'c');
        $store->getMessages('a');
        $waiter = Child::start('waiter.php', $own->url(), 'c', 'late', '10');
        same('waits', $waiter->line());
        $own->stop();
        $own->start();
        await('the message', static function () use ($store, $waiter): bool {
            $store->addMsg('hello');
            return $waiter->isDone();
        });
        same('["hello"]', $waiter->line());
        same(0, $waiter->end());
    },
];
