<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\ChannelUnreadable;
use CommChannel\CommChannel;
use CommChannel\CommException;
use CommChannel\GatewayCommStore;
use CommChannel\JSCommChannel;
use CommChannel\Log\Key;
use CommChannel\Log\Place;
use CommChannel\Log\Ring;
use CommChannel\Log\Servers;
use CommChannel\Log\Slot;
use CommChannel\LogCommStore;
use CommChannel\MessageRefused;
use CommChannel\MessageTooLarge;
use CommChannel\NativeCommChannel;
use CommChannel\StoreUnavailable;

// What users of the log layout see of it; log_numbers.php looks at the numbers beneath.

$log = new LogBench();

return [
    'names, keys, cursors and slots, byte for byte' => static function (): void {
        foreach ([
            'plain' => ['room-1.a_b~c', 'room-1.a_b~c'],
            'the longest plain' => [str_repeat('x', 180), str_repeat('x', 180)],
            'beginning with a tilde' => ['~room', '~fnJvb20'],
            'UTF-8' => ["\u{e9}", '~w6k'],
            'with a colon' => ['a:b', '~YTpi'],
            'with a line feed' => ["a\n", '~YQo'],
            'the longest coded' => [str_repeat('/', 134), '~' . str_repeat('Ly8v', 44) . 'Ly8'],
            'hashed' => [str_repeat('/', 135), '~~' . hash('sha256', str_repeat('/', 135))],
        ] as $name => [$channel, $want]) {
            same($want, (new Key($channel))->name, $name);
        }
        $key = new Key('room');
        $hash = static fn (string $text): string => substr(strtr(base64_encode(hash('sha256', $text, true)), '+/', '-_'), 0, 21);
        same(['cc1:room:h', 'cc1:room:0', 'cc1:room:1y2p0ij32e8e7'], [$key->head(), $key->slot(0), $key->slot(PHP_INT_MAX)]);
        foreach (['i' => $key->claim('m1'), 'c' => $key->client('m1')] as $kind => $got) {
            claim(str_starts_with($got, "cc1:room:$kind:" . $hash('m1')) && strlen($got) === 33, "$kind: $got");
        }
        same('0000dead.' . Key::base36($n = 1795389286000 << 20), (new Place(0xdead, $n))->cursor());
        claim((new Place(0xdead, $n))->is(Place::parse((new Place(0xdead, $n))->cursor())), 'a cursor is read as it was');
        foreach (['', '.', '00000001', '1.1', '00000001.01', '0000000A.1', '00000001.A', "00000001.1\n", '00000001.1y2p0ij32e8e7', '00000001.zzzzzzzzzzzzz', '6b0378e284a91.LPJNul-w'] as $no) {
            same(null, Place::parse($no), $no);
        }
        same("\x01\xde\xad\xbe\xef\x02m1text", Slot::encode(0xdeadbeef, 'm1', 'text'));
    },

    'servers as libmemcached chooses them' => static function (): void {
        // As PHP's memcached extension does, which may not be there.
        $three = [['10.0.0.1', 11211], ['10.0.0.2', 11211], ['10.0.0.3', 11212]];
        $nine = array_map(static fn (int $i): array => ["10.1.0.$i", 11211], range(0, 8));
        foreach ([[$three, '0002110000021112200021021212100021100111'], [$nine, '1426617108655751500805361860784271506207']] as [$servers, $want]) {
            $ring = new Ring($servers);
            same($want, implode('', array_map(static fn (int $i): int => $ring->server("channel-$i"), range(0, 39))));
        }
        same('cache.example:1121', (new Servers(['cache.example:1121']))->of('c'));
        if (!extension_loaded('memcached')) {
            return;
        }
        $sets = ['two ports' => [['10.0.0.1', 11212], ['10.0.0.1', 11213]], 'ports mixed' => [['10.0.0.1', 11211], ['10.0.0.1', 11212], ['localhost', 11211]]];
        foreach ([2, 5, 10, 25, 47, 100] as $n) {
            $sets["$n servers"] = array_map(static fn (int $i): array => ["10.1.0.$i", $n === 47 ? 11300 : 11211], range(0, $n - 1));
        }
        foreach ($sets as $name => $servers) {
            $memcached = new \Memcached();
            $memcached->setOption(\Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
            $memcached->addServers($servers);
            $ring = new Ring($servers);
            for ($i = 0; $i < 1000; $i++) {
                $want = $memcached->getServerByKey("channel-$i");
                same([$want['host'], $want['port']], $servers[$ring->server("channel-$i")], "$name: channel-$i");
            }
        }
    },

    'what can be neither server, channel, message nor setting' => static function () use ($log): void {
        foreach ([[], '', 'a:0', 'a:65536', 'a:011211', '::1', ['a', 'a:11211'], 'a,b', "a\n"] as $servers) {
            throws(\InvalidArgumentException::class, 'server', static fn () => new LogCommStore($servers, 'c'));
        }
        same('[::1]:11211', (new Servers(['[::1]']))->of('c'));
        foreach (['', 'a b', "a\n", 'lock_a', "\xff", str_repeat("\u{e9}", 91)] as $channel) {
            throws(\InvalidArgumentException::class, 'a channel id', static fn () => $log->store($channel));
        }
        foreach (['', '_a', '77', '-5', 'a b', "a\n", str_repeat('x', 65)] as $id) {
            throws(\InvalidArgumentException::class, 'a message id', static fn () => $log->store('c')->addMsg('m', $id));
        }
        throws(\InvalidArgumentException::class, 'time-out', static fn () => new LogCommStore('a', 'c', timeout: 0.0));
        throws(MessageRefused::class, 'UTF-8', static fn () => $log->store('c')->addMsg("\xff"));
        throws(MessageRefused::class, '', static fn () => $log->store('c')->addMsg(NAN));
        throws(MessageTooLarge::class, 'the most is', static fn () => $log->store('c')->addMsg(str_repeat('x', 1 << 20)));
        throws(CommException::class, 'takes no message out', static fn () => $log->store('c')->delMsg('m'));
    },

    'two PHP clients talk, of texts, values and types' => static function () use ($log): void {
        $channel = $log->fresh();
        $log->store($channel)->addMsg('before');
        $alice = new CommChannel($log->store($channel), 'alice');
        $bob = new CommChannel($log->store($channel), 'bob');
        same([[], []], [$alice->getMessages(), $bob->getMessages()]);
        $values = ['hello', '', '0', "h\u{e9}llo \u{1f600}\0\x7f", '{"a":{}}', '{"type":"x","foo":1}', '[1]', 42, 1.0, -0.5, true, null, [], [1], ['k' => ['n' => []]], ["\0x" => 1]];
        foreach ($values as $i => $value) {
            ($i % 2 === 0 ? $alice : $bob)->send($value);
        }
        same([$values, $values], [$alice->getMessages(), $bob->getMessages()]);
        same([[], []], [$alice->getMessages(), $bob->getMessages()]);
        $js = new JSCommChannel($log->store($channel), 'js');
        $js->getMessages();
        $js->send('msg', ['a' => 1]);
        same([['type' => 'msg', 'msg' => ['a' => 1], 'payload' => ['a' => 1], 'from' => 'js']], $js->getMessages());
        $asker = new NativeCommChannel($log->store($channel), 'asker');
        $worker = new NativeCommChannel($log->store($channel), 'worker');
        same([[], []], [$asker->getMessages(), $worker->getMessages()]);
        $id = $asker->send([1, 2], 'add');
        foreach ($worker->getMessages('add') as $question) {
            $worker->reply($question, array_sum($question['payload']));
        }
        same(3, $asker->getMessage($id, 'reply')['payload']);
    },

    'a client is known to the next object for as long as it is not removed' => static function () use ($log): void {
        $channel = $log->fresh();
        same([], $log->store($channel)->getMessages(7));
        $id = $log->store($channel)->addMsg('one');
        same([$id => 'one'], $log->store($channel)->getMessages('7'));
        same([], $log->store($channel)->getMessages('7'));
        claim($log->server->item((new Key($channel))->client('7'))['ttl'] > 3500, 'its place is kept for an hour');
        $log->store($channel)->addMsg('two');
        $log->store($channel)->removeClient('7');
        same([], $log->store($channel)->getMessages('7'), 'it joins anew');
        $a = $log->store($channel);
        $a->getMessages('a');
        $a->addMsg('three');
        $page = $a->cursor('a');
        same(['three'], array_values($a->getMessages('a')));
        same(['three'], array_values($log->store($channel, $page)->getMessages('b')), 'from a place on');
        same($a->cursor(), $a->cursor('a'), 'at the end');
        same($a->cursor(), $a->cursor('who is not known'));
        throws(\InvalidArgumentException::class, 'client id', static fn () => $a->getMessages(''));
    },

    'items are as the layout says' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        $s->addMsg("h\u{e9}", 'm1');
        $at = $log->tail($channel);
        $head = $log->server->item("cc1:$channel:h");
        same([(string) $at->n, $at->epoch], [$head['value'], $head['flags']]);
        claim($head['ttl'] > 86300 && $at->epoch > 0 && $at->epoch < 1 << 32, 'the head');
        claim(abs(($at->n >> 20) - microtime(true) * 1000) < 60_000 && ($at->n & 0xfffff) === 1, 'its number');
        $slot = $log->server->item("cc1:$channel:" . Key::base36($at->n));
        same(["\x01" . pack('N', $at->epoch) . "\x02m1h\u{e9}", 0], [$slot['value'], $slot['flags']]);
        claim($slot['ttl'] > 115 && $slot['ttl'] <= 120, "its life: {$slot['ttl']}");
        $claim = $log->server->item((new Key($channel))->claim('m1'));
        same([$at->cursor(), 0], [$claim['value'], $claim['flags']]);
        claim($claim['ttl'] > 120 && $claim['ttl'] <= 125, "the claim's life: {$claim['ttl']}");
    },

    'PHP and browsers by way of a gateway' => static function () use ($log): void {
        $channel = $log->fresh();
        $php = new JSCommChannel($log->store($channel), 'php');
        $js = new JSCommChannel($log->byGateway($channel), 'js');
        same([[], []], [$php->getMessages(), $js->getMessages()]);
        $php->send('ask', ['n' => 1]);
        $at = static fn (string $from, string $type, mixed $m): array => ['type' => $type, 'msg' => $m, 'payload' => $m, 'from' => $from];
        same([$at('php', 'ask', ['n' => 1])], gather(1, $js->getMessages(...)));
        $js->send('answer', 2);
        same([$at('php', 'ask', ['n' => 1]), $at('js', 'answer', 2)], gather(2, $php->getMessages(...)));
        $asker = new NativeCommChannel($log->store($channel), 'asker');
        $worker = new NativeCommChannel($log->byGateway($channel), 'worker');
        same([[], []], [$asker->getMessages(), $worker->getMessages()]);
        $id = $asker->send([1, 2], 'add');
        foreach ($worker->waitForMessages(5.0, 'add') as $question) {
            $worker->reply($question, array_sum($question['payload']));
        }
        same([['type' => 'reply', 'id' => $id, 'payload' => 3]], $asker->waitForMessages(5.0, 'reply'));
        // Values, both ways, and the same cursors.
        $channel = $log->fresh();
        [$one, $two] = [$log->store($channel), $log->byGateway($channel)];
        same([[], []], [$one->getMessages('values'), $two->getMessages('values')]);
        foreach ([$one, $two] as $s) {
            foreach (['text', 42, null, ['k' => [1]]] as $value) {
                $s->addMsg($value);
            }
        }
        $want = ['text', 42, null, ['k' => [1]], 'text', 42, null, ['k' => [1]]];
        same($want, array_values(gather(8, static fn () => array_values($one->getMessages('values')))));
        same($want, array_values(gather(8, static fn () => array_values($two->getMessages('values')))));
        same($one->cursor('values'), $two->cursor('values'), 'the place of both');
        $one->addMsg('more');
        same(['more'], gather(1, static fn () => array_values($log->byGateway($channel, $two->cursor('values'))->getMessages('c'))));
        same(['more'], array_values($log->store($channel, $two->cursor('values'))->getMessages('c')));
        same([false, false], [$one->missed('values'), $two->missed('values')]);
    },

    'a page waits at the gateway while PHP writes, and the other way round' => static function () use ($log): void {
        $channel = $log->fresh();
        $log->byGateway($channel)->cursor();
        $waiter = Child::start('waiter.php', $log->gateway()->url(), $channel, 'w', '10');
        same('waits', $waiter->line());
        $log->store($channel)->addMsg('wake');
        same('["wake"]', $waiter->line());
        $php = $log->store($channel);
        $php->getMessages('php');
        $sender = Child::start('sender.php', $log->gateway()->url(), $channel, 's', '1', '100');
        claim(str_contains((string) current($php->waitForMessages('php', 10.0)), '"s 0"'), 'what was sent wakes PHP');
        same(0, $sender->end());
        $start = hrtime(true);
        same([], $php->waitForMessages('php', 0.2));
        $took = (hrtime(true) - $start) / 1e9;
        claim($took >= 0.2 && $took < 1.0, "0.2 s, took $took");
    },

    'large messages come in pieces that fit' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        $s->getMessages('r');
        $text = str_repeat('x', (1 << 20) - 2000);
        for ($i = 0; $i < 22; $i++) {
            $s->addMsg("$i $text");
        }
        $calls = [];
        while (($new = $s->getMessages('r')) !== []) {
            $calls[] = array_map('intval', array_values($new));
        }
        same(range(0, 21), array_merge(...$calls));
        claim(count($calls) === 2, 'two calls, got ' . count($calls));
        same(false, $s->missed('r'));
    },

    'a server with smaller items' => static function (): void {
        $small = new MemcachedServer(['-I', '64k', '-o', 'slab_chunk_max=32768']);
        $s = new LogCommStore("127.0.0.1:{$small->port}", 'c');
        $s->getMessages('r');
        throws(MessageTooLarge::class, 'too large', static fn () => $s->addMsg(str_repeat('x', 100_000)));
        $s->addMsg('small');
        same(['small'], array_values($s->getMessages('r')));
        same(false, $s->missed('r'), 'the number was given back');
    },

    'a head that is none' => static function () use ($log): void {
        foreach (['x', '', '9223372036854775807', '-1', '99999999999999999999'] as $value) {
            $channel = $log->fresh();
            $log->server->set("cc1:$channel:h", $value, 7);
            throws(ChannelUnreadable::class, "cc1:$channel:h", static fn () => $log->store($channel)->addMsg('m'));
            throws(ChannelUnreadable::class, "cc1:$channel:h", static fn () => $log->store($channel)->getMessages('a'));
        }
    },

    'two servers, with channels where the gateway has them' => static function (): void {
        [$a, $b] = [new MemcachedServer(), new MemcachedServer()];
        $servers = ["127.0.0.1:{$a->port}", "127.0.0.1:{$b->port}"];
        $gateway = new GatewayServer(['--hold', '1s', '--store', 'memcache://' . implode(',', $servers) . '?layout=log']);
        $used = [];
        for ($i = 0; $i < 12; $i++) {
            $channel = "spread/$i";
            $php = new LogCommStore($servers, $channel);
            $php->getMessages('php');
            $browser = new GatewayCommStore($gateway->url(), $channel, $php->cursor(), timeout: 5.0);
            $browser->addMsg('from the gateway');
            same(['from the gateway'], gather(1, static fn () => array_values($php->getMessages('php'))));
            $php->addMsg('from PHP');
            same(['from the gateway', 'from PHP'], gather(2, static fn () => array_values($browser->getMessages('js'))));
            $head = (new Key($channel))->head();
            $used[] = $a->item($head) === null ? 'b' : 'a';
            claim(($a->item($head) === null) !== ($b->item($head) === null), "$channel is on one server");
        }
        same(['a', 'b'], array_values(array_unique([min($used), max($used)])), 'both are used');
        $b->kill();
        foreach ($used as $i => $which) {
            $php = new LogCommStore($servers, "spread/$i");
            $which === 'a' ? $php->addMsg('still') : throws(StoreUnavailable::class, $servers[1], static fn () => $php->addMsg('m'));
        }
    },

    'a server that is down, silent, or comes back' => static function (): void {
        $own = new MemcachedServer();
        $s = new LogCommStore("127.0.0.1:{$own->port}", 'c', timeout: 0.3);
        $s->getMessages('a');
        $s->addMsg('one');
        $calls = [
            'addMsg' => static fn () => $s->addMsg('m'),
            'getMessages' => static fn () => $s->getMessages('a'),
            'cursor' => static fn () => $s->cursor(),
            'removeClient' => static fn () => $s->removeClient('b'),
            'waitForMessages' => static fn () => $s->waitForMessages('a', 5.0),
        ];
        $bounded = static function () use ($calls): void {
            foreach ($calls as $name => $call) {
                $start = hrtime(true);
                throws(StoreUnavailable::class, 'memcached at 127.0.0.1:', $call);
                $took = (hrtime(true) - $start) / 1e9;
                claim($took < 1.2, "$name took $took s");
            }
        };
        $own->pause();
        try {
            $bounded();
        } finally {
            $own->resume();
        }
        same(['one'], array_slice(array_values($s->getMessages('a')), 0, 1), 'what came before the failure is not lost');
        $own->kill();
        $bounded();
        $own->start();
        $s->addMsg('two');
        same(['two'], array_values($s->getMessages('a')));
        same(true, $s->missed('a'), 'a restart is a gap');
    },

    'a server that talks nonsense' => static function (): void {
        foreach (["HTTP/1.1 400 Bad Request\r\n\r\n", "VALUE cc1:c:h 1\r\n", "VALUE other 1 1 1\r\nx\r\nEND\r\n", "VALUE cc1:c:h 1 999999999 1\r\n", str_repeat('x', 5000), "STORED\r\n"] as $bytes) {
            $s = new LogCommStore(Child::canned($canned, 'hold', $bytes), 'c', timeout: 0.3);
            throws(StoreUnavailable::class, 'memcached at 127.0.0.1:', static fn () => $s->cursor());
            throws(StoreUnavailable::class, 'memcached at 127.0.0.1:', static fn () => $s->addMsg('m'));
        }
    },
];
