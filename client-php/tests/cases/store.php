<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\ChannelUnreadable;
use CommChannel\Memcache\Access;
use CommChannel\MemcacheCommStore;
use CommChannel\MessageRefused;
use CommChannel\MessageTooLarge;

return static function (Access $access): array {
    $server = new MemcachedServer();
    $number = 0;
    /** A store on a channel of its own, and the channel's key. */
    $fresh = static function () use ($server, $access, &$number): array {
        $channel = 'store' . ++$number;
        return [new MemcacheCommStore('127.0.0.1', (string) $server->port, $channel, access: $access), 'channel_' . $channel];
    };

    return [
        'a message lies as the old library would have laid it' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $id = $store->addMsg("h\u{e9}llo / \u{1f600}");
            same(
                ['flags' => 0, 'ttl' => 30, 'value' => '{"lastid":0,"messages":{"' . $id . '":"h\u00e9llo \/ \ud83d\ude00"}}'],
                $server->item($key)
            );
        },

        'a compressible document is a bare zlib stream' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->addMsg(str_repeat('a', 500));
            $item = $server->item($key);
            same(2, $item['flags']);
            same('789c', bin2hex(substr($item['value'], 0, 2)));
            claim(str_starts_with(gzuncompress($item['value']), '{"lastid":0,"messages":{"g'), 'it is the document');
        },

        'the lock is the old one and is given back' => static function () use ($server, $access): void {
            $held = null;
            $store = new class ('127.0.0.1', $server->port, 'lk', access: $access) extends MemcacheCommStore {
                public function during(callable $do): void
                {
                    $this->update(static function () use ($do): bool {
                        $do();
                        return false;
                    });
                }
            };
            $store->during(static function () use ($server, &$held): void {
                $held = $server->item('channel_lock_lk');
            });
            same(768, $held['flags']);
            same('1', $held['value']);
            claim(in_array($held['ttl'], [4, 5], true), "5 seconds to live, got {$held['ttl']}");
            same(null, $server->item('channel_lock_lk'));
        },

        'the first poll of an empty channel' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            same([], $store->getMessages('alice'));
            same('{"lastid":0,"messages":{"_overhead_alice":{"lastID":"_overhead_alice"}}}', $server->text($key));
            $store->addMsg('hello');
            same(['hello'], array_values($store->getMessages('alice')));
        },

        'the first poll of a channel in use skips what is there' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $id = $store->addMsg('before');
            same([], $store->getMessages('alice'));
            same('{"lastid":0,"messages":{"' . $id . '":"before","_overhead_alice":{"lastID":"_overhead_alice"}}}', $server->text($key));
            $id = $store->addMsg('after');
            same([$id => 'after'], $store->getMessages('alice'));
        },

        'an idle poll writes nothing' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->getMessages('alice');
            $server->set($key, $server->text($key), 0, 20);
            same([], $store->getMessages('alice'));
            claim($server->item($key)['ttl'] <= 20, 'the time to live was not renewed');
        },

        'clients read for themselves, own messages included' => static function () use ($fresh): void {
            [$store] = $fresh();
            $store->getMessages('alice');
            $store->getMessages(7);
            $store->addMsg('one');
            same(['one'], array_values($store->getMessages('alice')));
            $store->addMsg('two');
            same(['one', 'two'], array_values($store->getMessages('7')));
            same(['two'], array_values($store->getMessages('alice')));
            same([], $store->getMessages('alice'));
        },

        'values that are not strings' => static function () use ($fresh): void {
            [$store] = $fresh();
            $store->getMessages('a');
            $values = [42, 1.5, 1.0, true, null, [], [1, 2], ['k' => ['n' => []]], ''];
            foreach ($values as $value) {
                $store->addMsg($value);
            }
            same($values, array_values($store->getMessages('a')));
        },

        'ids that are numbers, as somebody else may choose them' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->getMessages('a');
            $server->set($key, '{"lastid":0,"messages":{"_overhead_a":{"lastID":"_overhead_a"},"77":"x","78":"y"}}');
            same([77 => 'x', 78 => 'y'], $store->getMessages('a'));
            same('{"lastid":0,"messages":{"_overhead_a":{"lastID":78},"77":"x","78":"y"}}', $server->text($key));
            same([], $store->getMessages('a'));
        },

        'removed messages and clients' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $id = $store->addMsg('x');
            $store->delMsg('unknown');
            $store->delMsg($id);
            same(['flags' => 0, 'ttl' => 30, 'value' => '{"lastid":0,"messages":[]}'], $server->item($key));
            $store->getMessages('a');
            $store->removeClient('a');
            $store->removeClient('a');
            same('{"lastid":0,"messages":[]}', $server->text($key));
            $store->addMsg('before');
            same([], $store->getMessages('a'), 'a joins anew');
        },

        'a channel that the old library wiped counts as empty' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $server->set($key, '0', 256);
            $store->getMessages('a');
            $store->addMsg('x');
            same(['x'], array_values($store->getMessages('a')));
            claim($server->item($key)['flags'] !== 256, 'a document is there again');
        },

        'what can not be carried is refused, and nothing changes' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->addMsg('x');
            $before = $server->text($key);
            $deep = [];
            for ($i = 0; $i < 600; $i++) {
                $deep = [$deep];
            }
            foreach (['not UTF-8' => "\xff", 'infinite' => INF, 'no number' => NAN, 'too deep' => $deep, 'a stream' => STDIN, 'a NUL name' => ["\0" => 1]] as $what => $msg) {
                throws(MessageRefused::class, 'this: ', static fn () => $store->addMsg($msg));
                same($before, $server->text($key), "channel after $what");
            }
        },

        'what is too large is refused, and nothing changes' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->getMessages('a');
            for ($i = 0; $i < 3; $i++) {
                $store->addMsg(base64_encode(random_bytes(200000)));
            }
            $before = $server->text($key);
            throws(MessageTooLarge::class, 'is full', static fn () => $store->addMsg(base64_encode(random_bytes(200000))));
            throws(MessageTooLarge::class, 'a message of', static fn () => $store->addMsg(str_repeat('x', 1000000)));
            same($before, $server->text($key));
            same(3, count($store->getMessages('a')), 'messages still there');
        },

        'a memcached with smaller items keeps the channel' => static function () use ($access): void {
            $small = new MemcachedServer(['-I', '512k']);
            $store = new MemcacheCommStore('127.0.0.1', $small->port, 'c', access: $access);
            $store->addMsg('x');
            $before = $small->text('channel_c');
            throws(MessageTooLarge::class, 'too large', static fn () => $store->addMsg(base64_encode(random_bytes(550000))));
            same($before, $small->text('channel_c'));
            $store->addMsg('y');
        },

        'a large channel makes room by what is older than 30 seconds' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->getMessages('a');
            $old = [];
            for ($i = 0; $i < 8; $i++) {
                $old[] = sprintf('"g%x-%d":"%s"', (int) (microtime(true) * 1e6) - 40000000, $i, base64_encode(random_bytes(80000)));
            }
            $server->set($key, '{"lastid":0,"messages":{"_overhead_a":{"lastID":"_overhead_a"},' . implode(',', $old) . '}}');
            same(8, count($store->getMessages('a')));
            claim(strlen($server->text($key)) < 1000, 'they were taken out once read');
            $id = $store->addMsg('new');
            same([$id => 'new'], $store->getMessages('a'));
        },

        'what is no channel is left alone' => static function () use ($server, $fresh): void {
            foreach (['text' => ['hello', 0], 'a number' => ['42', 768], 'broken zlib' => ['hello', 2]] as [$value, $flags]) {
                [$store, $key] = $fresh();
                $server->set($key, $value, $flags);
                throws(ChannelUnreadable::class, '', static fn () => $store->addMsg('x'));
                throws(ChannelUnreadable::class, '', static fn () => $store->getMessages('a'));
                same($value, $server->item($key)['value']);
                same(null, $server->item(str_replace('channel_', 'channel_lock_', $key)), 'lock');
            }
        },

        'names' => static function () use ($server, $access): void {
            foreach (['', 'lock_v', "lock\tv", str_repeat('k', 238)] as $name) {
                throws(\InvalidArgumentException::class, 'channel id', static fn () => new MemcacheCommStore('127.0.0.1', $server->port, $name, access: $access));
            }
            $store = new MemcacheCommStore('127.0.0.1', $server->port, "a b\tc/\u{e9}#%", access: $access);
            $store->addMsg('k');
            claim($server->item("channel_a_b_c/\u{e9}#%") !== null, 'the key is as the extension makes it');
            throws(\InvalidArgumentException::class, 'client id', static fn () => $store->getMessages(''));
            throws(\InvalidArgumentException::class, 'client id', static fn () => $store->getMessages("\xff"));
            $long = new MemcacheCommStore('127.0.0.1', $server->port, str_repeat('k', 237), access: $access);
            $long->getMessages('a');
            $long->addMsg('x');
            same(1, count($long->getMessages('a')));
        },

        'large documents are written without the 40 ms of Nagle' => static function () use ($fresh): void {
            [$store] = $fresh();
            $store->addMsg(base64_encode(random_bytes(90000)));
            $times = [];
            for ($i = 0; $i < 15; $i++) {
                $start = hrtime(true);
                $store->addMsg('x');
                $times[] = (hrtime(true) - $start) / 1e6;
            }
            sort($times);
            claim($times[7] < 30, sprintf('the median of 15 sends is below 30 ms, got %.1f', $times[7]));
        },
    ];
};
