<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\CommChannel;
use CommChannel\GatewayCommStore;
use CommChannel\JSCommChannel;
use CommChannel\Memcache\Access;
use CommChannel\MemcacheCommStore;
use CommChannel\StoreUnavailable;

// A gateway in front of the memcached in which other PHP processes have the
// same channels.

$memcached = new MemcachedServer();
$gateway = null;
$number = 0;
/** A store by way of the gateway and one without it, on a channel of their own. */
$pair = static function () use ($memcached, &$gateway, &$number): array {
    $gateway ??= new GatewayServer(['--store', "memcache://127.0.0.1:{$memcached->port}"]);
    $channel = 'both' . ++$number;
    return [new GatewayCommStore($gateway->url(), $channel), new MemcacheCommStore('127.0.0.1', $memcached->port, $channel), $channel];
};

return [
    'typed messages, both ways' => static function () use ($pair): void {
        [$far, $near] = $pair();
        $far = new JSCommChannel($far, 'far');
        $near = new JSCommChannel($near, 'near');
        $far->getMessages();
        $near->getMessages();
        $want = [];
        $values = ['hello', 42, 1.5, null, true, [1, [2]], ['k' => ['n' => "\u{1f600}"]], ''];
        foreach ($values as $value) {
            foreach (['far' => $far, 'near' => $near] as $name => $channel) {
                $channel->send("of $name", $value);
                $want[] = ['type' => "of $name", 'msg' => $value, 'payload' => $value, 'from' => $name];
            }
        }
        same($want, gather(16, $near->getMessages(...)), 'near');
        same($want, gather(16, $far->getMessages(...)), 'far');
    },

    'texts, to the one as they are and to the other as browsers send them' => static function () use ($pair): void {
        [$far, $near] = $pair();
        $far->getMessages('far');
        $near->getMessages('near');
        $near->addMsg('from near');
        $near->addMsg('{"type":"x"}');
        same(['from near', '{"type":"x","payload":null,"msg":null}'], array_values(gather(2, static fn () => $far->getMessages('far'))));
        $far->addMsg('from far');
        [, , $text] = array_values(gather(3, static fn () => $near->getMessages('near')));
        $m = json_decode($text, true);
        same(['', 'from far', 'from far'], [$m['type'], $m['payload'], $m['msg']]);
        same(['from far'], array_values($far->waitForMessages('far', 5.0)), 'and back');
    },

    'three ways to one channel at once: one order for all, nothing lost' => static function () use ($memcached, &$gateway, $pair): void {
        [$far, $near, $channel] = $pair();
        $far->getMessages('far');
        $near->getMessages('near');
        $writers = [
            Child::start('writer.php', (string) $memcached->port, $channel, 'near', '100', Access::best()->name),
            Child::start('writer.php', (string) $memcached->port, $channel, 'socket', '100', 'Socket'),
            Child::start('sender.php', $gateway->url(), $channel, 'far', '100', '1'),
        ];
        $text = static fn (string $m): string => json_decode($m)->payload ?? $m;
        $got = [];
        foreach (['far' => $far, 'near' => $near] as $name => $store) {
            $got[$name] = array_map($text, array_values(gather(300, static fn () => $store->getMessages($name))));
        }
        same([0, 0, 0], array_map(static fn (Child $w): int => $w->end(), $writers), 'exit codes');
        same($got['near'], $got['far'], 'the order');
        foreach (['near', 'socket', 'far'] as $writer) {
            $own = array_filter($got['far'], static fn (string $m): bool => str_starts_with($m, "$writer "));
            same(array_map(static fn (int $n): string => "$writer $n", range(0, 99)), array_values($own), $writer);
        }
        same(false, $far->missed('far'));
    },

    'the gateway crashes and starts anew in the middle: nothing lost, no gap' => static function () use ($memcached): void {
        $own = new GatewayServer(['--store', "memcache://127.0.0.1:{$memcached->port}"]);
        $far = new GatewayCommStore($own->url(), 'crash');
        $near = new MemcacheCommStore('127.0.0.1', $memcached->port, 'crash');
        $far->getMessages('reader');
        $near->getMessages('reader2');
        $sender = Child::start('sender.php', $own->url(), 'crash', 'w', '100', '5');
        $got = array_values(gather(30, static fn () => $far->getMessages('reader')));
        $own->kill();
        throws(StoreUnavailable::class, 'refused', static fn () => $far->getMessages('reader'));
        $near->addMsg('while it is down');
        $own->start();
        same(0, $sender->end());
        await('the last message', static function () use ($far, &$got): bool {
            array_push($got, ...array_values($far->waitForMessages('reader', 1.0)));
            return str_contains(end($got), 'w 99');
        });
        same(false, $far->missed('reader'));
        same(array_values($near->getMessages('reader2')), $got, 'what the one without a gateway has read');
        // Whether a message was taken whose answer the crash took with it, its
        // sender does not know: it sent one twice then.
        $texts = array_map(static fn (string $m): string => json_decode($m)->payload ?? $m, array_values(array_unique($got)));
        claim(in_array('while it is down', $texts, true), 'what came while it was down');
        $texts = array_values(array_diff($texts, ['while it is down']));
        same(array_map(static fn (int $n): string => "w $n", range(0, 99)), $texts);
    },

    'memcached goes away behind the gateway: told by its code, and works again' => static function (): void {
        $own = new MemcachedServer();
        $gateway = new GatewayServer(['--store', "memcache://127.0.0.1:{$own->port}"]);
        $store = new GatewayCommStore($gateway->url(), 'c');
        $store->getMessages('a');
        $store->addMsg('one');
        same(['one'], array_values(gather(1, static fn () => $store->getMessages('a'))));
        $own->kill();
        try {
            $store->addMsg('two');
            throw new Failure('a message was taken by nobody');
        } catch (StoreUnavailable $e) {
            same('unavailable', $e->gatewayCode);
        }
        $own->start();
        await('a message to be taken', static function () use ($store): bool {
            try {
                return $store->addMsg('three') !== '';
            } catch (StoreUnavailable) {
                return false;
            }
        });
        $got = gather(1, static fn () => $store->getMessages('a'));
        claim(in_array('three', $got, true), 'three comes');
        same(true, $store->missed('a'), 'what memcached has lost may have had more');
    },
];
