<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\ChannelUnreadable;
use CommChannel\CommChannel;
use CommChannel\CommException;
use CommChannel\GatewayCommStore;
use CommChannel\JSCommChannel;
use CommChannel\Log\Channel;
use CommChannel\Log\Key;
use CommChannel\Log\Op;
use CommChannel\Log\Place;
use CommChannel\Log\Publisher;
use CommChannel\Log\Ring;
use CommChannel\Log\Servers;
use CommChannel\Log\Slot;
use CommChannel\Log\Wire;
use CommChannel\LogCommStore;
use CommChannel\MessageRefused;
use CommChannel\MessageTooLarge;
use CommChannel\NativeCommChannel;
use CommChannel\Net\Deadline;
use CommChannel\StoreUnavailable;

$server = new MemcachedServer();
$address = "127.0.0.1:{$server->port}";
$gateway = null;
$number = 0;
/** A channel of its own. */
$fresh = static function () use (&$number): string {
    return 'log' . ++$number;
};
$store = static fn (string $channel, string $since = '', float $grace = 0.02): LogCommStore
    => new LogCommStore($address, $channel, $since, grace: $grace);
/** A store that goes by way of a gateway on the same memcached. */
$byGateway = static function (string $channel, string $since = '') use (&$gateway, $address): GatewayCommStore {
    $gateway ??= new GatewayServer(['--hold', '1s', '--store', "memcache://$address?layout=log&grace=1s"]);
    return new GatewayCommStore($gateway->url(), $channel, $since, timeout: 5.0);
};
/** Does commands; the last one. */
$do = static function (Op ...$ops) use ($address): Op {
    (new Wire($address, 1.0))->run(array_values($ops), Deadline::in(5.0));
    return end($ops);
};
/** Gives out the next number of a channel, which nobody will use. */
$hole = static function (string $channel) use ($server, $do): Place {
    $n = (int) $do(Op::incr((new Key($channel))->head(), 1))->number;
    return new Place($server->item((new Key($channel))->head())['flags'], $n);
};
/** The place of the newest number. */
$tail = static fn (string $channel): Place => Place::parse($store($channel)->cursor());
/**
 * What each call returns until nothing comes any more, and at which it told of a gap.
 *
 * @return list<mixed>
 */
$readAll = static function (LogCommStore $store, string $client = 'reader'): array {
    $all = [];
    do {
        $new = array_values($store->getMessages($client));
        array_push($all, ...$new);
    } while ($new !== []);
    return $all;
};
/** A wire that does something before its nth exchange. */
$stepped = static function (int $nth, callable $step) use ($address): Wire {
    return new class ($address, $nth, $step) extends Wire {
        /** @param callable(): void $step */
        public function __construct(string $address, private int $nth, private $step)
        {
            parent::__construct($address, 1.0);
        }

        public function run(array $ops, Deadline $call): void
        {
            if (--$this->nth === 0) {
                ($this->step)();
            }
            parent::run($ops, $call);
        }
    };
};
$publish = static fn (Wire $wire, string $channel, string $id, string $text): Place
    => (new Publisher(new Channel($wire, new Key($channel)), Deadline::in(5.0), 120, $id, $text))->publish();

/** Two PHP processes and a gateway write to a channel; all is read while they do, and by others behind them. */
$writeAtOnce = static function (float $grace, bool $mayGap) use ($fresh, $store, $byGateway, $server, &$gateway): void {
    $channel = $fresh();
    $since = $store($channel)->cursor();
    $byGateway($channel)->cursor();
    $writers = [
        Child::start('log_writer.php', (string) $server->port, $channel, 'one', '300'),
        Child::start('log_writer.php', (string) $server->port, $channel, 'two', '300'),
        Child::start('sender.php', $gateway->url(), $channel, 'gw', '300', '0'),
    ];
    $live = $store($channel, $since, $grace);
    $payloads = static fn (array $messages): array => array_map(static fn (string $m) => json_decode($m, true)['payload'], array_values($messages));
    $seen = [];
    await('all 900 messages', static function () use ($live, $payloads, &$seen): bool {
        array_push($seen, ...$payloads($live->getMessages('live')));
        return count($seen) >= 900;
    }, 60.0);
    same([0, 0, 0], array_map(static fn (Child $w): int => $w->end(), $writers));
    same([], $live->getMessages('live'));
    foreach (['one', 'two', 'gw'] as $name) {
        $own = array_values(array_filter($seen, static fn (string $m): bool => str_starts_with($m, $name)));
        same(array_map(static fn (int $i): string => "$name $i", range(0, 299)), $own, "all of $name in its order");
    }
    same($seen, $payloads($store($channel, $since)->getMessages('late')), 'who comes later sees the same order');
    $browser = $byGateway($channel, $since);
    same($seen, $payloads(gather(900, static fn () => array_values($browser->getMessages('browser')))), "the gateway's order");
    claim($mayGap || !$live->missed('live') && !$browser->missed('browser'), 'nothing is missing');
};

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

    'what can be neither server, channel, message nor setting' => static function () use ($store): void {
        foreach ([[], '', 'a:0', 'a:65536', 'a:011211', '::1', ['a', 'a:11211'], 'a,b', "a\n"] as $servers) {
            throws(\InvalidArgumentException::class, 'server', static fn () => new LogCommStore($servers, 'c'));
        }
        same('[::1]:11211', (new Servers(['[::1]']))->of('c'));
        foreach (['', 'a b', "a\n", 'lock_a', "\xff", str_repeat("\u{e9}", 91)] as $channel) {
            throws(\InvalidArgumentException::class, 'a channel id', static fn () => $store($channel));
        }
        foreach (['', '_a', '77', '-5', 'a b', "a\n", str_repeat('x', 65)] as $id) {
            throws(\InvalidArgumentException::class, 'a message id', static fn () => $store('c')->addMsg('m', $id));
        }
        throws(\InvalidArgumentException::class, 'time-out', static fn () => new LogCommStore('a', 'c', timeout: 0.0));
        throws(MessageRefused::class, 'UTF-8', static fn () => $store('c')->addMsg("\xff"));
        throws(MessageRefused::class, '', static fn () => $store('c')->addMsg(NAN));
        throws(MessageTooLarge::class, 'the most is', static fn () => $store('c')->addMsg(str_repeat('x', 1 << 20)));
        throws(CommException::class, 'takes no message out', static fn () => $store('c')->delMsg('m'));
    },

    'two PHP clients talk, of texts, values and types' => static function () use ($fresh, $store): void {
        $channel = $fresh();
        $store($channel)->addMsg('before');
        $alice = new CommChannel($store($channel), 'alice');
        $bob = new CommChannel($store($channel), 'bob');
        same([[], []], [$alice->getMessages(), $bob->getMessages()]);
        $values = ['hello', '', '0', "h\u{e9}llo \u{1f600}\0\x7f", '{"a":{}}', '{"type":"x","foo":1}', '[1]', 42, 1.0, -0.5, true, null, [], [1], ['k' => ['n' => []]], ["\0x" => 1]];
        foreach ($values as $i => $value) {
            ($i % 2 === 0 ? $alice : $bob)->send($value);
        }
        same([$values, $values], [$alice->getMessages(), $bob->getMessages()]);
        same([[], []], [$alice->getMessages(), $bob->getMessages()]);
        $js = new JSCommChannel($store($channel), 'js');
        $js->getMessages();
        $js->send('msg', ['a' => 1]);
        same([['type' => 'msg', 'msg' => ['a' => 1], 'payload' => ['a' => 1], 'from' => 'js']], $js->getMessages());
        $asker = new NativeCommChannel($store($channel), 'asker');
        $worker = new NativeCommChannel($store($channel), 'worker');
        same([[], []], [$asker->getMessages(), $worker->getMessages()]);
        $id = $asker->send([1, 2], 'add');
        foreach ($worker->getMessages('add') as $question) {
            $worker->reply($question, array_sum($question['payload']));
        }
        same(3, $asker->getMessage($id, 'reply')['payload']);
    },

    'a client is known to the next object for as long as it is not removed' => static function () use ($fresh, $store, $server): void {
        $channel = $fresh();
        same([], $store($channel)->getMessages(7));
        $id = $store($channel)->addMsg('one');
        same([$id => 'one'], $store($channel)->getMessages('7'));
        same([], $store($channel)->getMessages('7'));
        claim($server->item((new Key($channel))->client('7'))['ttl'] > 3500, 'its place is kept for an hour');
        $store($channel)->addMsg('two');
        $store($channel)->removeClient('7');
        same([], $store($channel)->getMessages('7'), 'it joins anew');
        $a = $store($channel);
        $a->getMessages('a');
        $a->addMsg('three');
        $page = $a->cursor('a');
        same(['three'], array_values($a->getMessages('a')));
        same(['three'], array_values($store($channel, $page)->getMessages('b')), 'from a place on');
        same($a->cursor(), $a->cursor('a'), 'at the end');
        same($a->cursor(), $a->cursor('who is not known'));
        throws(\InvalidArgumentException::class, 'client id', static fn () => $a->getMessages(''));
    },

    'items are as the layout says' => static function () use ($fresh, $store, $server, $tail): void {
        $channel = $fresh();
        $s = $store($channel);
        $s->addMsg("h\u{e9}", 'm1');
        $at = $tail($channel);
        $head = $server->item("cc1:$channel:h");
        same([(string) $at->n, $at->epoch], [$head['value'], $head['flags']]);
        claim($head['ttl'] > 86300 && $at->epoch > 0 && $at->epoch < 1 << 32, 'the head');
        claim(abs(($at->n >> 20) - microtime(true) * 1000) < 60_000 && ($at->n & 0xfffff) === 1, 'its number');
        $slot = $server->item("cc1:$channel:" . Key::base36($at->n));
        same(["\x01" . pack('N', $at->epoch) . "\x02m1h\u{e9}", 0], [$slot['value'], $slot['flags']]);
        claim($slot['ttl'] > 115 && $slot['ttl'] <= 120, "its life: {$slot['ttl']}");
        $claim = $server->item((new Key($channel))->claim('m1'));
        same([$at->cursor(), 0], [$claim['value'], $claim['flags']]);
        claim($claim['ttl'] > 120 && $claim['ttl'] <= 125, "the claim's life: {$claim['ttl']}");
    },

    'PHP and browsers by way of a gateway' => static function () use ($fresh, $store, $byGateway): void {
        $channel = $fresh();
        $php = new JSCommChannel($store($channel), 'php');
        $js = new JSCommChannel($byGateway($channel), 'js');
        same([[], []], [$php->getMessages(), $js->getMessages()]);
        $php->send('ask', ['n' => 1]);
        $at = static fn (string $from, string $type, mixed $m): array => ['type' => $type, 'msg' => $m, 'payload' => $m, 'from' => $from];
        same([$at('php', 'ask', ['n' => 1])], gather(1, $js->getMessages(...)));
        $js->send('answer', 2);
        same([$at('php', 'ask', ['n' => 1]), $at('js', 'answer', 2)], gather(2, $php->getMessages(...)));
        $asker = new NativeCommChannel($store($channel), 'asker');
        $worker = new NativeCommChannel($byGateway($channel), 'worker');
        same([[], []], [$asker->getMessages(), $worker->getMessages()]);
        $id = $asker->send([1, 2], 'add');
        foreach ($worker->waitForMessages(5.0, 'add') as $question) {
            $worker->reply($question, array_sum($question['payload']));
        }
        same([['type' => 'reply', 'id' => $id, 'payload' => 3]], $asker->waitForMessages(5.0, 'reply'));
        // Values, both ways, and the same cursors.
        $channel = $fresh();
        [$one, $two] = [$store($channel), $byGateway($channel)];
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
        same(['more'], gather(1, static fn () => array_values($byGateway($channel, $two->cursor('values'))->getMessages('c'))));
        same(['more'], array_values($store($channel, $two->cursor('values'))->getMessages('c')));
        same([false, false], [$one->missed('values'), $two->missed('values')]);
    },

    'a page waits at the gateway while PHP writes, and the other way round' => static function () use ($fresh, $store, $byGateway, &$gateway): void {
        $channel = $fresh();
        $byGateway($channel)->cursor();
        $waiter = Child::start('waiter.php', $gateway->url(), $channel, 'w', '10');
        same('waits', $waiter->line());
        $store($channel)->addMsg('wake');
        same('["wake"]', $waiter->line());
        $php = $store($channel);
        $php->getMessages('php');
        $sender = Child::start('sender.php', $gateway->url(), $channel, 's', '1', '100');
        claim(str_contains((string) current($php->waitForMessages('php', 10.0)), '"s 0"'), 'what was sent wakes PHP');
        same(0, $sender->end());
        $start = hrtime(true);
        same([], $php->waitForMessages('php', 0.2));
        $took = (hrtime(true) - $start) / 1e9;
        claim($took >= 0.2 && $took < 1.0, "0.2 s, took $took");
    },

    'two PHP writers and a gateway at once: nothing lost, one order' => static fn () => $writeAtOnce(1.0, false),

    'the same with a reader that closes numbers before their messages come' => static fn () => $writeAtOnce(0.00001, true),

    'a number that nobody uses is closed after the grace time, and told as a gap' => static function () use ($fresh, $store, $server, $hole, $byGateway): void {
        $channel = $fresh();
        $reader = $store($channel, grace: 0.2);
        $reader->getMessages('r');
        $since = $reader->cursor('r');
        $reader->addMsg('before');
        $at = $hole($channel);
        $reader->addMsg('behind');
        $start = hrtime(true);
        same(['before', 'behind'], array_values($reader->getMessages('r')));
        $took = (hrtime(true) - $start) / 1e9;
        claim($took >= 0.2 && $took < 1.0, "0.2 s, took $took");
        same([true, false], [$reader->missed('r'), $reader->missed('r')]);
        $tombstone = $server->item((new Key($channel))->slot($at->n));
        same(["\xffT", 1], [$tombstone['value'], $tombstone['flags']]);
        claim($tombstone['ttl'] > 290 && $tombstone['ttl'] <= 300, "its life: {$tombstone['ttl']}");
        $browser = $byGateway($channel, $since);
        same(['before', 'behind'], gather(2, static fn () => array_values($browser->getMessages('b'))));
        same(true, $browser->missed('b'), 'the gateway tells of it, too');
    },

    'a reader waits for a message that is on its way' => static function () use ($fresh, $store, $hole, $server): void {
        $channel = $fresh();
        $reader = new LogCommStore("127.0.0.1:{$server->port}", $channel, grace: 2.0, timeout: 2.0);
        $reader->getMessages('r');
        $at = $hole($channel);
        // It comes from another process, while this one waits.
        $value = base64_encode(Slot::encode($at->epoch, 'm', 'late'));
        $key = (new Key($channel))->slot($at->n);
        $code = 'usleep(200000); $s = stream_socket_client("tcp://127.0.0.1:' . $server->port . '"); $v = base64_decode("' . $value . '");'
            . 'fwrite($s, "add ' . $key . ' 0 120 " . strlen($v) . "\r\n$v\r\n"); fgets($s);';
        $process = proc_open([PHP_BINARY, '-r', $code], [], $pipes);
        same(['m' => 'late'], $reader->getMessages('r'));
        same(false, $reader->missed('r'));
        same(0, proc_close($process));
    },

    'voids are passed, and what can not be read is a gap' => static function () use ($fresh, $store, $hole, $do): void {
        foreach ([
            'a void' => [2, "\xffV", false],
            'a void, whatever it holds' => [2, '', false],
            'a tombstone' => [1, "\xffT", true],
            'flags of others' => [3, "\x01", true],
            'flags beyond 31 bits' => [0xffffffff, 'x', true],
            'no message' => [0, 'x', true],
            'an id beyond the end' => [0, "\x01\0\0\0\x01\x09id", true],
            'no id' => [0, "\x01\0\0\0\x01\0text", true],
            'of another epoch' => [0, "\x01\0\0\0\0\x01mtext", true],
            'a later version' => [0, "\x02\0\0\0\0\x01mtext", true],
            'no UTF-8' => [0, null, true],
        ] as $name => [$flags, $value, $gap]) {
            $channel = $fresh();
            $s = $store($channel);
            $s->getMessages('r');
            $s->addMsg('before');
            $at = $hole($channel);
            $do(Op::add((new Key($channel))->slot($at->n), $flags, 120, $value ?? Slot::encode($at->epoch, 'm', "\xff")));
            $s->addMsg('behind');
            same(['before', 'behind'], array_values($s->getMessages('r')), $name);
            same($gap, $s->missed('r'), "$name: a gap");
        }
    },

    'one id makes one message' => static function () use ($fresh, $store, $readAll): void {
        $channel = $fresh();
        $s = $store($channel);
        $s->getMessages('reader');
        foreach ([$s, $s, $store($channel)] as $sender) {
            same('m1', $sender->addMsg('one', 'm1'));
        }
        $s->addMsg('two');
        same(['one', 'two'], $readAll($s));
        same(false, $s->missed('reader'), 'what was given out twice is given back');
    },

    'an id that a gateway has published, or begun to' => static function () use ($fresh, $store, $byGateway, &$gateway): void {
        $channel = $fresh();
        $s = $store($channel);
        $s->getMessages('r');
        $byGateway($channel)->cursor();
        $send = static function (string $id) use (&$gateway, $channel): string {
            $frames = '[{"op":"hello","clientid":"js"},{"op":"send","ref":1,"channel":"' . $channel . '","type":"t","payload":1,"id":"' . $id . '"}]';
            $context = stream_context_create(['http' => ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => $frames]]);
            return file_get_contents($gateway->url(), false, $context);
        };
        claim(str_contains($send('from-js'), '"op":"sent"'), 'sent');
        $s->addMsg('again', 'from-js');
        $s->addMsg('first', 'from-php');
        claim(str_contains($send('from-php'), '"op":"sent"'), 'the gateway takes it for sent');
        same(['from-js', 'from-php'], array_keys($s->getMessages('r')));
    },

    'a sender that ended half way' => static function () use ($fresh, $store, $hole, $do, $readAll, $server): void {
        foreach (['early' => false, 'after a reader closed the number' => true] as $name => $closed) {
            $channel = $fresh();
            $s = $store($channel);
            $s->getMessages('reader');
            $at = $hole($channel);
            $claim = (new Key($channel))->claim('m');
            $do(Op::add($claim, 0, 125, $at->cursor()));
            $got = $closed ? $readAll($s) : [];
            $s->addMsg('text', 'm');
            same(['text'], [...$got, ...$readAll($s)], $name);
            same($closed, $s->missed('reader'), "$name: a gap");
            $n = Place::parse($server->item($claim)['value'])->n;
            claim($closed ? $n > $at->n : $n === $at->n, "$name: the claim is where the message is");
        }
    },

    'a stalled sender takes a new number' => static function () use ($fresh, $store, $stepped, $publish, $readAll, $tail): void {
        // Before the third exchange, which would add the slot, a reader closes it.
        $channel = $fresh();
        $s = $store($channel);
        $s->getMessages('reader');
        $first = $tail($channel);
        $wire = $stepped(3, static fn () => same([], $s->getMessages('reader')));
        $at = $publish($wire, $channel, 'm', 'text');
        same($first->n + 2, $at->n);
        same(['text'], $readAll($s));
        same(true, $s->missed('reader'));
    },

    'a sender follows the epoch' => static function () use ($fresh, $store, $server, $stepped, $publish, $readAll): void {
        foreach ([2 => 'before the claim', 3 => 'before the slot'] as $nth => $name) {
            $channel = $fresh();
            $old = $store($channel);
            $old->getMessages('reader');
            $old->addMsg('before');
            $fresher = $store($channel);
            $wire = $stepped($nth, static function () use ($server, $channel, $fresher): void {
                usleep(2000); // epochs begin at a millisecond
                $server->delete("cc1:$channel:h");
                $fresher->getMessages('joined');
            });
            $at = $publish($wire, $channel, 'm', 'text');
            same($fresher->cursor(), $at->cursor(), "$name: at the end of the new epoch");
            same(['text'], $readAll($fresher, 'joined'), "$name: one who knows the new epoch alone");
            same(['before', 'text'], $readAll($old), "$name: one who knows the old one");
            same(true, $old->missed('reader'), "$name: a gap");
        }
    },

    'the end of an epoch: what is left of it, a gap, and the new one' => static function () use ($fresh, $store, $server, $byGateway): void {
        $channel = $fresh();
        $s = $store($channel);
        $s->getMessages('r');
        $want = array_map(static fn (int $i): string => "old $i", range(0, 99));
        array_walk($want, static fn (string $m) => $s->addMsg($m));
        usleep(2000);
        $server->delete("cc1:$channel:h");
        $s->addMsg('new');
        $since = $s->cursor('r');
        same([...$want, 'new'], array_values($s->getMessages('r')));
        same(true, $s->missed('r'));
        $s->addMsg('newer');
        same(['newer'], array_values($s->getMessages('r')));
        same(false, $s->missed('r'));
        $browser = $byGateway($channel, $since);
        same([...$want, 'new', 'newer'], gather(102, static fn () => array_values($browser->getMessages('b'))), 'by the gateway');
    },

    'long holes, and places of nowhere' => static function () use ($fresh, $store, $server, $tail): void {
        $channel = $fresh();
        $s = $store($channel);
        $since = $s->cursor();
        $first = $tail($channel)->n + 1;
        for ($i = 0; $i < 500; $i++) {
            $s->addMsg("m $i");
        }
        $numbers = static fn (int $from, int $to): array => array_map(static fn (int $i): string => "m $i", range($from, $to));
        $from = static function (string $since) use ($store, $channel): array {
            $s = $store($channel, $since);
            return [array_values($s->getMessages('r')), $s->missed('r')];
        };
        same([$numbers(0, 499), false], $from($since), 'all');
        $lose = static function (int $from, int $to) use ($server, $channel, $first): void {
            for ($i = $from; $i <= $to; $i++) {
                $server->delete((new Key($channel))->slot($first + $i));
            }
        };
        $lose(400, 410);
        same([[...$numbers(0, 399), ...$numbers(411, 499)], true], $from($since), 'a short hole');
        $lose(20, 300);
        same([[...$numbers(0, 19), ...$numbers(301, 399), ...$numbers(411, 499)], true], $from($since), 'a long hole');
        $lose(0, 19);
        $rest = [[...$numbers(301, 399), ...$numbers(411, 499)], true];
        same($rest, $from($since), 'the oldest are gone');
        same($rest, $from('6b0378e284a91.LPJNul-w'), 'a cursor of another layout');
        same($rest, $from('00000001.abc'), 'an epoch that is long gone');
        same($rest, $from((new Place($tail($channel)->epoch, $tail($channel)->n + 5))->cursor()), 'behind the end');
        $lose(301, 399);
        $lose(411, 499);
        same([[], true], $from($since), 'all are gone');
    },

    'who comes from elsewhere finds the oldest message behind a long hole' => static function () use ($fresh, $store, $server, $tail): void {
        $channel = $fresh();
        $s = $store($channel);
        for ($i = 0; $i < 700; $i++) {
            $s->addMsg("m $i");
        }
        $first = $tail($channel)->n - 699;
        foreach ([...range(0, 99), ...range(570, 650)] as $i) {
            $server->delete((new Key($channel))->slot($first + $i));
        }
        $s = $store($channel, '00000001.abc');
        $want = array_map(static fn (int $i): string => "m $i", [...range(100, 569), ...range(651, 699)]);
        same($want, array_values($s->getMessages('r')));
        same(true, $s->missed('r'));
    },

    'large messages come in pieces that fit' => static function () use ($fresh, $store): void {
        $channel = $fresh();
        $s = $store($channel);
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

    'a head that is none' => static function () use ($fresh, $store, $server): void {
        foreach (['x', '', '9223372036854775807', '-1', '99999999999999999999'] as $value) {
            $channel = $fresh();
            $server->set("cc1:$channel:h", $value, 7);
            throws(ChannelUnreadable::class, "cc1:$channel:h", static fn () => $store($channel)->addMsg('m'));
            throws(ChannelUnreadable::class, "cc1:$channel:h", static fn () => $store($channel)->getMessages('a'));
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
            $canned = Child::start('canned.php', base64_encode($bytes), 'hold');
            $s = new LogCommStore("127.0.0.1:{$canned->line()}", 'c', timeout: 0.3);
            throws(StoreUnavailable::class, 'memcached at 127.0.0.1:', static fn () => $s->cursor());
            throws(StoreUnavailable::class, 'memcached at 127.0.0.1:', static fn () => $s->addMsg('m'));
        }
    },
];
