<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\CommChannel;
use CommChannel\CommException;
use CommChannel\GatewayCommStore;
use CommChannel\JSCommChannel;
use CommChannel\Memcache\Cursor;
use CommChannel\Memcache\Document;
use CommChannel\MemcacheCommStore;

$server = new MemcachedServer();
$gateway = null;
$number = 0;
/** A store on a channel of its own, the channel's key, and how the gateway is asked for that channel from a place on. */
$fresh = static function () use ($server, &$gateway, &$number): array {
    $gateway ??= new GatewayServer(['--store', "memcache://127.0.0.1:{$server->port}"]);
    $channel = 'cursor' . ++$number;
    $from = static fn (string $since): GatewayCommStore => new GatewayCommStore($gateway->url(), $channel, $since);
    return [new MemcacheCommStore('127.0.0.1', $server->port, $channel), "channel_$channel", $from];
};
/** Claims that the gateway gives the same place, once it has seen what PHP sees. */
$agree = static function (callable $from, MemcacheCommStore $store, string $what): void {
    $want = $store->cursor();
    await("the gateway's cursor to be $want: $what", static fn (): bool => $from('')->cursor() === $want, 5.0);
};
/** Claims that exactly these messages come from a place on, and none is missing. */
$follow = static function (callable $from, string $since, array $want, string $what): void {
    $store = $from($since);
    $got = array_values($store->getMessages('browser'));
    // A gateway that follows the channel sees what PHP writes some ms later.
    await("$what: the messages", static function () use ($store, $want, &$got): bool {
        array_push($got, ...array_values(count($got) < count($want) ? $store->waitForMessages('browser', 1.0) : []));
        return count($got) >= count($want);
    }, 5.0);
    same($want, $got, $what);
    same(false, $store->missed('browser'), "$what: something is missing");
};

return [
    'the forms of cursors' => static function (): void {
        $x54 = str_repeat('x', 54);
        foreach ([
            'the old library\'s id' => ['6b0378e284a91', '6b0378e284a91.LPJNul-w'],
            'our id' => ['g64e0c3a2d1f5b-0123456789ab', 'g64e0c3a2d1f5b-0123456789ab.LPJNul-w'],
            'a number' => [77, '77.LPJNul-w'],
            'the longest that is shown' => [$x54, "$x54.LPJNul-w"],
        ] as $name => [$id, $want]) {
            same($want, Cursor::behind($id, 'hello'), $name);
            same("_$want", Cursor::before($id, 'hello'), "before $name");
        }
        foreach (["x$x54", "\u{e9}/", '', '-', '~x', "a\n", 'a b', -5] as $id) {
            claim(preg_match('/^~[A-Za-z0-9_-]{22}$/D', Cursor::behind($id, 'hello')) === 1, "hashed: $id");
        }
        same('-.mwsgfb74.LPJNul-w', Cursor::ofEmpty(1795389286000, 'hello'));
    },

    'it is the one that the gateway gives, whatever the last message is' => static function () use ($server, $fresh, $agree): void {
        $values = [
            'hello', '', '0', "h\u{e9}llo / \u{1f600}", "\0\x7f", '{"type":"msg"}', 42, -7, 0, PHP_INT_MAX, PHP_INT_MIN, 1.5, 1.0, -0.0, 0.1,
            1e21, 1.7976931348623157e308, 5e-324, 1.5e-7, 123456789.125, -2.5e22, 5.684341886080802e-14, true, false, null, [], new \stdClass(),
            [1, [2, 'x']], ['1', 2], ['k' => ['n' => []], '5' => null, '' => 1.25], [[]], ['a' => true, 'b' => [false]],
        ];
        [$store, $key, $from] = $fresh();
        foreach ($values as $i => $value) {
            $store->addMsg($value);
            $agree($from, $store, "value $i, " . json_encode($value));
        }
        foreach (['77', "\u{e9}/", 'with space', str_repeat('x', 54), str_repeat('x', 55), '-', '~', 'a.b~c-d', ''] as $id) {
            $server->set($key, json_encode(['lastid' => 0, 'messages' => (object) [$id => 'v', '_overhead_x' => ['lastID' => $id]]]));
            $agree($from, $store, "the id \"$id\"");
        }
        $server->set($key, '{"lastid":0,"messages":{"u":{"f":10.50,"e":1E2,"i":12345678901234567890,"z":-0,"o":{},"s":"\u00e9\/"}}}');
        $agree($from, $store, 'other spellings');
        // PHP writes it anew: 10.5, 100.0, [] and so on.
        $before = $store->cursor();
        $store->getMessages('somebody');
        same($before, $store->cursor(), 'after PHP has written the document anew');
        $agree($from, $store, 'PHP\'s spelling');
    },

    'a site with a serialize_precision of its own' => static function (): void {
        $cursor = Cursor::behind('a', 0.1);
        $before = ini_set('serialize_precision', '17');
        try {
            same($cursor, Cursor::behind('a', 0.1));
            same('17', ini_get('serialize_precision'));
        } finally {
            ini_set('serialize_precision', $before);
        }
    },

    'a page goes on from what PHP has shown it' => static function () use ($fresh, $follow): void {
        [$store, , $from] = $fresh();
        $php = new CommChannel($store, 'page');
        $store->addMsg('before');
        same([], $php->getMessages());
        $follow($from, $php->cursor(), [], 'joined');
        $store->addMsg('one');
        $store->addMsg('two');
        same(['one', 'two'], $php->getMessages());
        $store->addMsg('three');
        $store->getMessages('another');
        $follow($from, $php->cursor(), ['three'], 'after two');
        $follow($from, $store->cursor('page'), ['three'], 'the store says the same');
        $follow($from, $store->cursor(), [], 'the end');
        $follow($from, $store->cursor('who has not read'), [], 'the end, too');
        same(['three'], $php->getMessages());
        $follow($from, $php->cursor(), [], 'after three');
    },

    'a page of a channel without messages' => static function () use ($fresh, $follow): void {
        [$store, , $from] = $fresh();
        $empty = $store->cursor();
        $php = new CommChannel($store, 'page');
        same([], $php->getMessages());
        $joined = $php->cursor();
        same(explode('.', $from('')->cursor())[2], explode('.', $empty)[2], "the life is the gateway's");
        $follow($from, $empty, [], 'nothing there');
        $follow($from, $joined, [], 'nothing there, joined');
        $store->addMsg('one');
        $store->addMsg('two');
        $follow($from, $empty, ['one', 'two'], 'never read');
        $follow($from, $joined, ['one', 'two'], 'read when there was nothing');
        $follow($from, $php->cursor(), ['one', 'two'], 'the place is asked for later');
        claim($php->cursor()[0] === '_', 'it is the place before one');
    },

    'no gateway has been there yet: the place is good when one comes' => static function () use ($follow): void {
        $own = new MemcachedServer();
        $store = new MemcacheCommStore('127.0.0.1', $own->port, 'c');
        $place = $store->cursor();
        $store->addMsg('one');
        same(120, $own->item('commchannel_life')['ttl'], "seconds that the life's mark is kept");
        $gateway = new GatewayServer(['--store', "memcache://127.0.0.1:{$own->port}"]);
        $follow(static fn (string $since) => new GatewayCommStore($gateway->url(), 'c', $since), $place, ['one'], 'from the empty channel');
    },

    'what may be missing is told' => static function () use ($server, $fresh): void {
        [$store, $key, $from] = $fresh();
        $php = new CommChannel($store, 'page');
        $php->getMessages();
        $store->addMsg('lost');
        $server->delete($key); // the channel lapses between the two
        $place = $php->cursor();
        $gap = $from($place);
        $gap->getMessages('browser');
        same([true, false], [$gap->missed('browser'), $gap->missed('browser')], "from $place, and told once");

        [$store, $key, $from] = $fresh();
        $store->addMsg('one');
        $place = $store->cursor();
        $server->delete($key);
        $store->addMsg('two');
        $gap = $from($place);
        same(['two'], array_values($gap->waitForMessages('browser', 5.0)));
        same(true, $gap->missed('browser'), 'the message of the place is gone');
    },

    'places from documents of all kinds' => static function (): void {
        $doc = Document::parse('{"lastid":0,"messages":{"_overhead_a":{"lastID":"x"},"x":"1","_p":"","y":"2","_overhead_b":{"lastID":"y"}}}');
        same([['x', '1'], ['y', '2']], [$doc->firstMessage(), $doc->lastMessage()]);
        $doc = Document::parse('{"lastid":0,"messages":{"_overhead_a":{"lastID":false}}}');
        same([null, null], [$doc->firstMessage(), $doc->lastMessage()]);
    },

    'a store that can tell no places' => static function (): void {
        $store = new class () implements \CommChannel\CommStore {
            public function addMsg(mixed $msg): string
            {
                return 'i';
            }

            public function delMsg(int|string $id): void
            {
            }

            public function getMessages(int|string $clientID): array
            {
                return [];
            }

            public function removeClient(int|string $clientID): void
            {
            }
        };
        throws(CommException::class, 'can not tell places', static fn () => (new JSCommChannel($store, 'a'))->cursor());
    },
];
