<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\Memcache\Access;
use CommChannel\MemcacheCommStore;
use CommChannel\StoreUnavailable;

/** A store whose clock and writes a test can meddle with. */
final class MeddledStore extends MemcacheCommStore
{
    public float $ahead = 0.0;

    /** @var list<callable(): void> each is called once, between a read and the write that follows */
    public array $meddle = [];

    protected function now(): float
    {
        return parent::now() + $this->ahead;
    }

    protected function update(callable $change, int $most = PHP_INT_MAX): void
    {
        parent::update(function ($doc) use ($change): bool {
            $write = $change($doc);
            if ($this->meddle !== []) {
                array_shift($this->meddle)();
            }
            return $write;
        }, $most);
    }
}

return static function (Access $access): array {
    $server = new MemcachedServer();
    $number = 0;
    $fresh = static function (float $lockWait = 6.0) use ($server, $access, &$number): array {
        $channel = 'faults' . ++$number;
        return [new MeddledStore('127.0.0.1', $server->port, $channel, $lockWait, $access), 'channel_' . $channel, 'channel_lock_' . $channel];
    };
    /** Takes an entry out of a document as the old library does, cursors be as they may. */
    $takeOut = static function (string $key, string $id) use ($server): void {
        $doc = json_decode($server->text($key), true);
        unset($doc['messages'][$id]);
        $server->set($key, json_encode($doc));
    };

    /** @return list<int> the exit codes of writers that run at once */
    $write = static function (int $port, string $channel, int $writers, int $each) use ($access): array {
        $processes = [];
        for ($w = 0; $w < $writers; $w++) {
            $processes[] = Child::start('writer.php', (string) $port, $channel, "w$w", (string) $each, $access->name);
        }
        return array_map(static fn (Child $child): int => $child->end(), $processes);
    };

    return [
        'nobody there: said so at once, by every method' => static function () use ($access): void {
            $store = new MemcacheCommStore('127.0.0.1', MemcachedServer::freePort(), 'c', access: $access);
            $start = hrtime(true);
            foreach ([
                static fn () => $store->addMsg('x'),
                static fn () => $store->getMessages('a'),
                static fn () => $store->delMsg('x'),
                static fn () => $store->removeClient('a'),
            ] as $do) {
                throws(StoreUnavailable::class, 'Connection refused', $do);
            }
            claim(hrtime(true) - $start < 1e9, 'all within a second');
        },

        'memcached starts anew: the same store works on' => static function () use ($access): void {
            $own = new MemcachedServer();
            $store = new MemcacheCommStore('127.0.0.1', $own->port, 'c', access: $access);
            $store->getMessages('a');
            $own->kill();
            throws(StoreUnavailable::class, 'memcached at', static fn () => $store->addMsg('x'));
            throws(StoreUnavailable::class, 'memcached at', static fn () => $store->getMessages('a'));
            $own->start();
            $store->addMsg('y');
            same(['y'], array_values($store->getMessages('a')), 'sent before the first poll after the restart');
            $own->kill();
            $own->start();
            same([], $store->getMessages('a'), 'first call on a connection that is gone');
        },

        'memcached hangs: given up after some seconds, works again when it wakes' => static function () use ($access): void {
            $own = new MemcachedServer();
            $store = new MemcacheCommStore('127.0.0.1', $own->port, 'c', access: $access);
            $store->getMessages('a');
            $own->pause();
            $start = hrtime(true);
            throws(StoreUnavailable::class, 'timeout', static fn () => $store->addMsg('x'));
            claim(hrtime(true) - $start < 7e9, 'within 7 seconds');
            $own->resume();
            await('the lock that the hung add may have taken', static fn (): bool => $own->item('channel_lock_c') === null);
            $store->addMsg('y');
            claim(in_array('y', $store->getMessages('a'), true), 'y arrives');
        },

        'a lock that is held: given up after the wait' => static function () use ($server, $fresh): void {
            [$store, , $lock] = $fresh(0.2);
            $server->add($lock, '1', 768, 60);
            throws(StoreUnavailable::class, 'not free in time', static fn () => $store->addMsg('x'));
            claim($server->item($lock) !== null, 'the lock is left to its holder');
        },

        'a lock whose holder died: waited for' => static function () use ($server, $fresh): void {
            [$store, , $lock] = $fresh();
            $server->add($lock, '1', 768, 2);
            $store->getMessages('a');
            same(null, $server->item($lock));
        },

        'somebody writes in spite of the lock: nothing of his is lost' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->addMsg('first');
            $store->meddle[] = static function () use ($server, $key): void {
                $server->set($key, str_replace('}}', ',"thief":"t"}}', $server->text($key)));
            };
            $store->addMsg('second');
            $messages = json_decode($server->text($key), true)['messages'];
            same(['first', 't', 'second'], array_values($messages));
        },

        'the channel appears or goes meanwhile' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->meddle[] = static fn () => $server->set($key, '{"lastid":0,"messages":{"thief":"t"}}');
            $store->addMsg('a');
            same(['t', 'a'], array_values(json_decode($server->text($key), true)['messages']));
            $store->meddle[] = static fn () => $server->delete($key);
            $store->addMsg('b');
            same(['b'], array_values(json_decode($server->text($key), true)['messages']));
        },

        'a process that held the lock for too long neither writes nor frees it' => static function () use ($server, $fresh): void {
            [$store, $key, $lock] = $fresh();
            $store->addMsg('first');
            $before = $server->text($key);
            $store->meddle[] = static function () use ($store, $server, $lock): void {
                $store->ahead += 4.5;
                $server->set($lock, '1', 768, 60); // by now another's
            };
            throws(StoreUnavailable::class, 'not free in time', static fn () => $store->addMsg('late'));
            same($before, $server->text($key));
            claim($server->item($lock) !== null, "the other's lock is still there");
        },

        'memcached goes away midway: messages come with the next call' => static function () use ($access): void {
            $own = new MemcachedServer();
            $store = new MeddledStore('127.0.0.1', $own->port, 'c', access: $access);
            $store->getMessages('a');
            $store->addMsg('x');
            $store->meddle[] = static fn () => $own->kill();
            throws(StoreUnavailable::class, 'memcached at', static fn () => $store->getMessages('a'));
            $own->start();
            same(['x'], array_values($store->getMessages('a')));
            same([], $store->getMessages('a'));
        },

        'the entry at the cursor is deleted: nothing lost, nothing twice' => static function () use ($fresh): void {
            [$store] = $fresh();
            $store->getMessages('a');
            $id = $store->addMsg('read');
            $store->getMessages('a');
            $store->addMsg('new');
            $store->delMsg($id);
            same(['new'], array_values($store->getMessages('a')));
        },

        'the old library deletes the entry at the cursor: memory tells what is new' => static function () use ($fresh, $takeOut): void {
            [$store, $key] = $fresh();
            $store->getMessages('a');
            $store->addMsg('read');
            $id = $store->addMsg('read too');
            $store->getMessages('a');
            $store->addMsg('new');
            $takeOut($key, $id);
            same(['new'], array_values($store->getMessages('a')));
        },

        'and without memory the times of the ids do' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $at = static fn (int $seconds): string => sprintf('g%x-0', (int) (microtime(true) * 1e6) + $seconds * 1000000);
            $entries = [$at(-20) => 'read', '_overhead_a' => ['lastID' => $at(-10)], $at(-5) => 'new', 'foreign' => 'no time'];
            $server->set($key, json_encode(['lastid' => 0, 'messages' => $entries]));
            same(['new', 'no time'], array_values($store->getMessages('a')));
        },

        'the old library removes another client at which the cursor was' => static function () use ($fresh, $takeOut): void {
            [$store, $key] = $fresh();
            $store->getMessages('bob');
            $store->getMessages('a');
            $store->getMessages('carol');
            $store->addMsg('read');
            $store->getMessages('a');
            $store->getMessages('dave');
            $store->getMessages('a');
            $store->addMsg('new');
            $takeOut($key, '_overhead_dave');
            same(['new'], array_values($store->getMessages('a')));
        },

        'the channel lapses between two polls: what was sent since is delivered' => static function () use ($server, $fresh): void {
            [$store, $key] = $fresh();
            $store->getMessages('a');
            $store->addMsg('read');
            $store->getMessages('a');
            $server->delete($key);
            $store->addMsg('new');
            same(['new'], array_values($store->getMessages('a')));
            same([], $store->getMessages('a'));
        },

        'writers in several processes lose nothing and keep their order' => static function () use ($server, $access, $write): void {
            $store = new MemcacheCommStore('127.0.0.1', $server->port, 'writers', access: $access);
            $store->getMessages('a');
            same([0, 0, 0], $write($server->port, 'writers', 3, 150), 'exit codes');
            $got = ['w0' => [], 'w1' => [], 'w2' => []];
            foreach ($store->getMessages('a') as $message) {
                [$writer, $n] = explode(' ', $message);
                $got[$writer][] = (int) $n;
            }
            foreach ($got as $writer => $numbers) {
                same(range(0, 149), $numbers, $writer);
            }
        },
    ];
};
