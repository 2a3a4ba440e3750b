<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\MemcacheCommStore;
use CommChannel\MessageRefused;
use CommChannel\NativeCommChannel;

final class Point
{
    public static int $woken = 0;

    public function __construct(public int $x = 0, protected ?string $y = null)
    {
    }

    public function __wakeup(): void
    {
        self::$woken++;
    }

    public function y(): ?string
    {
        return $this->y;
    }
}

enum Suit: string
{
    case Hearts = 'h';
}

$server = new MemcachedServer();
$number = 0;
$fresh = static function () use ($server, &$number): MemcacheCommStore {
    return new MemcacheCommStore('127.0.0.1', $server->port, 'native' . ++$number);
};
/** @return array{NativeCommChannel, NativeCommChannel, MemcacheCommStore} two clients that have joined */
$two = static function (array $classes = []) use ($fresh): array {
    $store = $fresh();
    $alice = new NativeCommChannel($store, 'alice', $classes);
    $bob = new NativeCommChannel($store, 'bob', $classes);
    $alice->getMessages();
    $bob->getMessages();
    return [$alice, $bob, $store];
};

return [
    'what a message is as text' => static function () use ($fresh): void {
        $store = $fresh();
        $store->getMessages('raw');
        $id = (new NativeCommChannel($store, 'a'))->send('hello');
        same(
            ['a:3:{s:4:"type";s:7:"message";s:2:"id";s:' . strlen($id) . ':"' . $id . '";s:7:"payload";s:5:"hello";}'],
            array_values($store->getMessages('raw'))
        );
    },

    'values of all kinds' => static function () use ($two): void {
        [$alice, $bob] = $two();
        $values = [42, -1.5, INF, true, null, "h\u{e9} \0", ['a' => [1, ['c' => null]], 5 => 'five']];
        foreach ($values as $value) {
            $alice->send($value, 'value');
        }
        same($values, array_column($bob->getMessages(), 'payload'));
    },

    'the captured messages of the old library' => static function () use ($two): void {
        [$alice, , $store] = $two([Point::class]);
        $lines = file(__DIR__ . '/../testdata/native_payloads.jsonl');
        foreach ($lines as $line) {
            $store->addMsg(base64_decode(json_decode($line, true)['value_b64']));
        }
        $got = $alice->getMessages();
        same(count($lines), count($got));
        $of = static fn (string $type): array => array_values(array_filter($got, static fn ($m) => $m['type'] === $type));
        same('scalar string', $got[0]['payload']);
        same('6b037967d8d9b', $got[0]['id']);
        same(INF, $got[7]['payload']);
        same(['a' => 1, 'b' => [1, 2, ['c' => null]], 5 => 'five', 6 => 'six'], $got[8]['payload']);
        same(6, count($of('pt')) + count($of('')), 'objects, none of a class that is known here');
        same($of('ask')[0]['id'], $of('reply')[0]['id'], 'the reply has the id of the question');
        same(['yes', 'second reply overwrites'], [$of('reply')[0]['payload']['ans'], $of('reply')[1]['payload']]);
    },

    'by type; the others go on waiting' => static function () use ($two): void {
        [$alice, $bob] = $two();
        $alice->send(1);
        $alice->send(2, 'cfg');
        $alice->send(3);
        same([2], array_column($bob->getMessages('cfg'), 'payload'));
        same([], $bob->getMessages('cfg'));
        same([1, 3], array_column($bob->getMessages('message'), 'payload'));
        same([], $bob->getMessages());
    },

    'one message by its id, again and again' => static function () use ($two): void {
        [$alice, $bob] = $two();
        $id = $alice->send('x', 'ask');
        same(['type' => 'ask', 'id' => $id, 'payload' => 'x'], $bob->getMessage($id));
        same('x', $bob->getMessage($id, 'ask')['payload']);
        same(false, $bob->getMessage($id, 'reply'));
        same(false, $bob->getMessage('unknown'));
        same(1, count($bob->getMessages()));
    },

    'replies, more than one' => static function () use ($two): void {
        [$alice, $bob] = $two();
        $id = $alice->send('question');
        [$question] = $bob->getMessages();
        $bob->reply($question, 'one');
        $bob->reply($id, 'two');
        same('one', $alice->getMessage($id, 'reply')['payload']);
        same(['one', 'two'], array_column($alice->getMessages('reply'), 'payload'));
    },

    'send and wait, answered by another process' => static function () use ($server): void {
        $store = new MemcacheCommStore('127.0.0.1', $server->port, 'answered');
        $answerer = Child::start('answerer.php', (string) $server->port, 'answered');
        same('ready', $answerer->line());
        $alice = new NativeCommChannel($store, 'alice');
        $reply = $alice->sendAndWait(['n' => 20], 'double', 10.0);
        same(['type' => 'reply', 'payload' => 40], ['type' => $reply['type'], 'payload' => $reply['payload']]);
        same([], $alice->getMessages('reply'), 'the reply is taken');
        same(0, $answerer->end());
    },

    'send and wait in vain' => static function () use ($two): void {
        [$alice] = $two();
        $start = hrtime(true);
        same(false, $alice->sendAndWait('anybody?', 'message', 0.1));
        $took = (hrtime(true) - $start) / 1e9;
        claim($took >= 0.1 && $took < 1.0, "waited 0.1 s, took $took");
    },

    'objects come to life only if allowed' => static function () use ($fresh): void {
        $store = $fresh();
        $open = new NativeCommChannel($store, 'open', [Point::class, Suit::class]);
        $shut = new NativeCommChannel($store, 'shut');
        $open->getMessages();
        $shut->getMessages();
        $open->send(new Point(1, 'p'), 'pt');
        $open->send(Suit::Hearts, 'suit');
        $open->send('last');

        Point::$woken = 0;
        [$pt, $suit, $last] = $shut->getMessages();
        same('__PHP_Incomplete_Class', $pt['payload']::class);
        same('', $suit['type'], 'an enum that is not allowed makes a text of the message');
        same('last', $last['payload']);
        same(0, Point::$woken);

        [$pt, $suit] = $open->getMessages();
        same([1, 'p'], [$pt['payload']->x, $pt['payload']->y()]);
        same(Suit::Hearts, $suit['payload']);
        same(1, Point::$woken);
    },

    'an enum that is not allowed loads no class; its looks in a string do no harm' => static function () use ($two): void {
        [$alice, $bob, $store] = $two();
        $asked = [];
        $spy = static function (string $class) use (&$asked): void {
            $asked[] = $class;
        };
        spl_autoload_register($spy, true, true);
        $alice->send(['";E:8:"Chosen:X";', 'E:' => 1.5, 'n' => [null, true, -7]]);
        $enum = 'a:3:{s:4:"type";s:1:"t";s:2:"id";s:1:"i";s:7:"payload";E:8:"Chosen:X";}';
        $store->addMsg($enum);
        $store->addMsg(str_replace('s:1:"i"', 'S:1:"\69"', $enum));
        [$looks, $real, $escaped] = $bob->getMessages();
        spl_autoload_unregister($spy);
        same(['";E:8:"Chosen:X";', 'E:' => 1.5, 'n' => [null, true, -7]], $looks['payload']);
        same(['', $enum], [$real['type'], $real['payload']]);
        same('', $escaped['type']);
        claim(!in_array('Chosen', $asked, true), 'no class was loaded, got ' . implode(' ', $asked));
    },

    'a text that is no message is one of type ""' => static function () use ($two): void {
        [$alice, , $store] = $two();
        $texts = ['{"type":"msg"}', 'a:', 'a:3:{', 'a:999999999:{i:0;', 'O:8:"stdClass":0:{}', 'i:1;', 'b:0;', 'a:0:{}', 'a:1:{s:4:"type";s:1:"x";}'];
        $ids = array_map($store->addMsg(...), $texts);
        $got = $alice->getMessages();
        same($texts, array_column($got, 'payload'));
        same($ids, array_column($got, 'id'));
        same([''], array_values(array_unique(array_column($got, 'type'))));
    },

    'what can not be sent is refused' => static function () use ($two): void {
        [$alice, $bob] = $two();
        throws(MessageRefused::class, 'UTF-8', static fn () => $alice->send("\xff"));
        throws(MessageRefused::class, 'serialize', static fn () => $alice->send(static fn () => 1));
        same([], $bob->getMessages());
    },
];
