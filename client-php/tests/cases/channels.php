<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\CommChannel;
use CommChannel\JSCommChannel;
use CommChannel\MemcacheCommStore;
use CommChannel\MessageRefused;

$server = new MemcachedServer();
$number = 0;
$fresh = static function () use ($server, &$number): MemcacheCommStore {
    return new MemcacheCommStore('127.0.0.1', $server->port, 'channels' . ++$number);
};

return [
    'a text goes to all who joined' => static function () use ($fresh): void {
        $store = $fresh();
        $alice = new CommChannel($store, 'alice');
        $bob = new CommChannel($store, 'bob');
        same([], $alice->getMessages());
        same([], $bob->getMessages());
        $alice->send('hello');
        $bob->send('there');
        same(['hello', 'there'], $alice->getMessages());
        same(['hello', 'there'], $bob->getMessages());
        same([], $bob->getMessages());
    },

    'what a typed message is as text' => static function () use ($fresh): void {
        $store = $fresh();
        $store->getMessages('raw');
        $bob = new JSCommChannel($store, 'bob');
        $id = $bob->send('msg', 'Hello javascript client!');
        $bob->send('obj', ['a' => 1, 'l' => [], 'o' => new \stdClass(), 'f' => 1.0]);
        $bob->send('none');
        same([
            '{"type":"msg","payload":"Hello javascript client!","msg":"Hello javascript client!","from":"bob"}',
            '{"type":"obj","payload":{"a":1,"l":[],"o":{},"f":1.0},"msg":{"a":1,"l":[],"o":{},"f":1.0},"from":"bob"}',
            '{"type":"none","payload":null,"msg":null,"from":"bob"}',
        ], array_values($texts = $store->getMessages('raw')));
        same($id, array_key_first($texts), 'id');
    },

    'messages of browsers and of PHP read alike' => static function () use ($fresh): void {
        $store = $fresh();
        $js = new JSCommChannel($store, 7);
        $js->getMessages();
        $texts = [
            'browser, old' => ['{"type":"msg","payload":"Hello!","from":483920}', 'msg', 'Hello!', '483920'],
            'PHP, old' => ['{"type":"msg","msg":"Hello!","from":"bob"}', 'msg', 'Hello!', 'bob'],
            'both' => ['{"type":"m","payload":{"a":[1,{}]},"msg":{"a":[1,{}]},"from":"x"}', 'm', ['a' => [1, []]], 'x'],
            'payload null' => ['{"type":"m","payload":null,"msg":"x","from":"x"}', 'm', null, 'x'],
            'nothing but a type' => ['{"type":"m"}', 'm', null, ''],
            'from a list' => ['{"type":"m","payload":1,"from":[1]}', 'm', 1, ''],
            'from a fraction' => ['{"type":"m","payload":1,"from":1.5}', 'm', 1, '1.5'],
            'no JSON' => ['{oops', '', '{oops', ''],
            'no object' => ['[1]', '', '[1]', ''],
            'no type' => ['{"payload":1}', '', '{"payload":1}', ''],
            'type no string' => ['{"type":1,"payload":1}', '', '{"type":1,"payload":1}', ''],
            'no text' => [['k' => 1], '', ['k' => 1], ''],
            'empty' => ['', '', '', ''],
        ];
        foreach ($texts as [$text]) {
            $store->addMsg($text);
        }
        $got = $js->getMessages();
        same(count($texts), count($got));
        foreach (array_keys($texts) as $i => $name) {
            [, $type, $payload, $from] = $texts[$name];
            same(['type' => $type, 'msg' => $payload, 'payload' => $payload, 'from' => $from], $got[$i], $name);
        }
    },

    "a sender's number is its text" => static function () use ($fresh): void {
        $js = new JSCommChannel($fresh(), 42);
        $js->getMessages();
        $js->send('msg', 1);
        same([['type' => 'msg', 'msg' => 1, 'payload' => 1, 'from' => '42']], $js->getMessages());
    },

    'what can not be sent is refused before it does harm' => static function () use ($fresh): void {
        $js = new JSCommChannel($fresh(), 'a');
        $js->getMessages();
        throws(MessageRefused::class, 'UTF-8', static fn () => $js->send('msg', "\xc3\x28"));
        throws(MessageRefused::class, 'UTF-8', static fn () => $js->send("\xff", 'x'));
        throws(MessageRefused::class, 'type', static fn () => $js->send(['x'], 'x'));
        same([], $js->getMessages());
    },
];
