<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\ChannelUnreadable;
use CommChannel\Memcache\Document;
use CommChannel\MessageID;

/** @return array<string, array<string, mixed>> captures of the old library's channels, by name */
$captures = [];
foreach (file(__DIR__ . '/../testdata/channels.jsonl') as $line) {
    $capture = json_decode($line, true);
    if (str_starts_with($capture['plain'] ?? '', '{')) {
        $captures[$capture['name']] = $capture;
    }
}

$text = static fn (string $messages): string => '{"lastid":0,"messages":' . $messages . '}';

return [
    'the captures are there' => static fn () => claim(count($captures) > 25, 'more than 25 captured documents'),

    'what the old library wrote is written back byte for byte' => static function () use ($captures): void {
        foreach ($captures as $name => $capture) {
            if ($name !== 'non-string-messages' && $name !== 'jscommchannel') {
                same($capture['plain'], Document::parse($capture['plain'])->text(), $name);
            }
        }
    },

    'empty objects, lists and 1.0 in messages stay what they are' => static function () use ($text): void {
        $plain = $text('{"a":{"e":{},"l":[],"f":1.0,"n":{"0":1}},"b":null,"c":"{}"}');
        same($plain, Document::parse($plain)->text());
    },

    'every spelling of a document is read' => static function (): void {
        $spellings = [
            'no messages, as PHP writes it' => ['{"lastid":0,"messages":[]}', []],
            'no messages, as others write it' => ['{"lastid":0,"messages":{}}', []],
            'ids 0, 1' => ['{"lastid":0,"messages":["a","b"]}', [0, 1]],
            'other order, white space' => ["{ \"messages\" : {\"x\":\"a\"},\n\"lastid\":null }", ['x']],
            'no lastid' => ['{"messages":{"x":"a"}}', ['x']],
            'an empty id' => ['{"lastid":0,"messages":{"":"a"}}', ['']],
            'an id twice' => ['{"lastid":0,"messages":{"x":1,"y":2,"x":3}}', ['x', 'y']],
            'an id that begins with NUL' => ['{"lastid":0,"messages":{"\u0000x":"a","y":"b"}}', ["\0x", 'y']],
            'integers, and not quite' => ['{"lastid":0,"messages":{"77":1,"077":2,"-5":3,"1e5":4}}', [77, '077', -5, '1e5']],
        ];
        foreach ($spellings as $name => [$plain, $ids]) {
            same($ids, Document::parse($plain)->ids(), $name);
        }
    },

    'what is no document is refused' => static function (): void {
        foreach (['', 'x', '1', '"text"', 'null', '[]', '{}', '{"messages":7}', '{"messages":{"a":"\ud800"}}', '{"messages":{"a":1'] as $plain) {
            throws(ChannelUnreadable::class, 'no channel document', static fn () => Document::parse($plain));
        }
    },

    'a new client begins at its own record' => static function () use ($text): void {
        $doc = Document::parse($text('{"a":"1"}'));
        $doc->moveToEnd('alice');
        same($text('{"a":"1","_overhead_alice":{"lastID":"_overhead_alice"}}'), $doc->text());
        same([], $doc->after('alice'));
        claim($doc->isAtEnd('alice'), 'alice is at the end');
    },

    'messages after the cursor, private entries left out' => static function () use ($text): void {
        $doc = Document::parse($text('{"a":"1","b":"2","_x":"h","_overhead_u":{"lastID":"a"},"c":"3"}'));
        same(['b' => '2', 'c' => '3'], $doc->after('u'));
        $doc->moveToEnd('u');
        same($text('{"a":"1","b":"2","_x":"h","_overhead_u":{"lastID":"c"},"c":"3"}'), $doc->text());
    },

    'cursors of every kind' => static function () use ($text): void {
        $after = static fn (string $lastID): ?array => Document::parse($text('{"a":1,"77":2,"b":3,"_overhead_u":{"lastID":' . $lastID . '}}'))->after('u');
        same(['b' => 3], $after('77'), 'number');
        same(['b' => 3], $after('"77"'), 'number as text');
        same(['a' => 1, 77 => 2, 'b' => 3], $after('false'), 'from the beginning');
        same(null, $after('"gone"'), 'gone');
        same(null, $after('null'), 'null');
        same(null, $after('[]'), 'list');
    },

    'an id that is a number becomes a number in the cursor' => static function () use ($text): void {
        $doc = Document::parse($text('{"_overhead_u":{"lastID":false},"78":"y"}'));
        $doc->moveToEnd('u');
        same($text('{"_overhead_u":{"lastID":78},"78":"y"}'), $doc->text());
    },

    'cursors at a removed entry move back' => static function () use ($text): void {
        $doc = Document::parse($text('{"a":1,"b":2,"c":3,"_overhead_u":{"lastID":"c"},"_overhead_v":{"lastID":"a"},"d":4}'));
        $doc->remove(['b' => true, 'c' => true]);
        same($text('{"a":1,"_overhead_u":{"lastID":"a"},"_overhead_v":{"lastID":"a"},"d":4}'), $doc->text());
        $doc->remove(['a' => true]);
        same($text('{"_overhead_u":{"lastID":false},"_overhead_v":{"lastID":false},"d":4}'), $doc->text());
        same(['d' => 4], $doc->after('u'));
    },

    'a cursor at another client that leaves moves back' => static function () use ($text): void {
        $doc = Document::parse($text('{"a":1,"_overhead_bob":{"lastID":"a"},"_overhead_u":{"lastID":"_overhead_bob"},"d":4}'));
        $doc->removeClient('bob');
        same($text('{"a":1,"_overhead_u":{"lastID":"a"},"d":4}'), $doc->text());
    },

    'purge takes old messages and clients that left them unread' => static function () use ($text): void {
        $doc = Document::parse($text('{"_overhead_gone":{"lastID":"_overhead_gone"},"6b0378e200000":"old",'
            . '"_overhead_here":{"lastID":"6b0378e300000"},"6b0378e300000":"old","name":"no time","6b0378e500000":"new"}'));
        $doc->purge(0x6b0378e4 * 1000000);
        same($text('{"_overhead_here":{"lastID":"_overhead_here"},"name":"no time","6b0378e500000":"new"}'), $doc->text());
        same(['name' => 'no time', '6b0378e500000' => 'new'], $doc->after('here'));
    },

    'the times of ids' => static function (): void {
        same(0x6b0378e2 * 1000000 + 0x84a91, MessageID::time('6b0378e284a91'));
        same(0x1234567890abc, MessageID::time('g1234567890abc-00ff00ff00ff'));
        foreach (['', 'x', '_overhead_a', '6b0378e2fffff', '6b0378e284a9', 77, 'gxyz-1'] as $id) {
            same(null, MessageID::time($id), "time of $id");
        }
        $made = MessageID::time(MessageID::make());
        claim(abs($made - microtime(true) * 1e6) < 1e6, 'a new id tells the time');
    },

    'ids differ and look like ids' => static function (): void {
        $ids = [];
        for ($i = 0; $i < 10000; $i++) {
            $ids[MessageID::make()] = true;
        }
        same(10000, count($ids));
        claim(preg_match('/^g[0-9a-f]{13}-[0-9a-f]{12}$/', array_key_first($ids)) === 1, 'the form of ' . array_key_first($ids));
    },
];
