<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\ChannelUnreadable;
use CommChannel\Memcache\Access;
use CommChannel\Memcache\Link;
use CommChannel\MemcacheCommStore;
use CommChannel\StoreUnavailable;

if (!extension_loaded('memcache')) {
    return []; // nothing to compare with
}

$server = new MemcachedServer();
$links = static fn (): array => array_map(
    static fn (Access $access) => $access->open('127.0.0.1', $server->port),
    array_column(Access::cases(), null, 'name')
);

/** A link to what answers with these texts. */
$fake = null;
$socketTo = static function (string $mode, string ...$texts) use (&$fake): Link {
    $address = Child::canned($fake, $mode, ...$texts);
    return Access::Socket->open('127.0.0.1', (int) substr(strrchr($address, ':'), 1));
};

mt_srand(7);
$noise = '';
while (strlen($noise) < 3000) {
    $noise .= chr(mt_rand(33, 126));
}
$values = ['a number' => 1, 'empty' => '', 'short' => 'x', 'plain' => $noise, 'large' => str_repeat($noise, 200)];
foreach (range(60, 400, 5) as $n) {
    // Around the length from which on compressing pays.
    $values["$n bytes"] = substr($noise, 0, (int) ($n / 2)) . str_repeat('a', $n - (int) ($n / 2));
}

return [
    'both write the same bytes with the same flags' => static function () use ($server, $links, $values): void {
        $flags = [];
        foreach ($values as $name => $value) {
            foreach ($links() as $way => $link) {
                claim($link->add("add-$way", $value, 30), "$way adds $name");
                if (is_string($value)) {
                    claim($link->add("cas-$way", 'before', 30), "$way adds");
                    claim($link->cas("cas-$way", $value, 30, $link->get("cas-$way")[1]), "$way swaps $name");
                }
            }
            foreach (['add', 'cas'] as $command) {
                same($server->item("$command-Extension"), $server->item("$command-Socket"), "$name by $command");
                $flags[$server->item("$command-Socket")['flags'] ?? -1] = true;
                foreach ($links() as $way => $link) {
                    $link->delete("$command-$way");
                    same(null, $link->get("$command-$way"));
                }
            }
        }
        ksort($flags);
        same([-1, 0, 2, 768], array_keys($flags), 'all kinds of items were seen');
    },

    'both read what is there, and tell what is not a value' => static function () use ($server, $links, $values): void {
        foreach ($links() as $way => $link) {
            foreach ($values as $name => $value) {
                foreach ($links() as $writer) {
                    $writer->delete('k');
                    $writer->add('k', $value, 30);
                    same($value, $link->get('k')[0], "$name to $way");
                }
            }
            $server->set('k', '0', 256);
            same(false, $link->get('k')[0], "false to $way");
            $server->set('k', 'no zlib', 2);
            throws(ChannelUnreadable::class, 'damaged', static fn () => $link->get('k'));
        }
    },

    'add and cas tell whether they were the first' => static function () use ($server, $links): void {
        foreach ($links() as $way => $link) {
            $server->set('k', 'x');
            same(false, $link->add('k', 'y', 30), "add by $way");
            $cas = $link->get('k')[1];
            $server->set('k', 'z');
            same(false, $link->cas('k', 'y', 30, $cas), "cas by $way");
            $server->delete('k');
            same(false, $link->cas('k', 'y', 30, $cas), "cas on nothing by $way");
            $link->delete('k');
            same(null, $link->get('k'), $way);
        }
    },

    'values of the memcached extension, compressed, are not mistaken for text' => static function () use ($server): void {
        $socket = Access::Socket->open('127.0.0.1', $server->port);
        foreach ([1, 16, 48, 80, 131072] as $flags) {
            $server->set('k', 'x', $flags);
            throws(ChannelUnreadable::class, "flags $flags", static fn () => $socket->get('k'));
        }
    },

    'what is no memcached' => static function () use ($socketTo): void {
        foreach (["HTTP/1.1 400 Bad Request\r\n\r\n", "VALUE k 0 99999999999 1\r\n", "VALUE k 0 1 1\r\nxyz\r\n", str_repeat('x', 5000)] as $bytes) {
            $link = $socketTo('close', $bytes);
            $start = hrtime(true);
            throws(StoreUnavailable::class, 'memcached at', static fn () => $link->get('k'));
            claim(hrtime(true) - $start < 3e9, 'within 3 seconds');
        }
    },

    'a connection that is lost before the answer: asked again on the next' => static function () use ($socketTo): void {
        same([7, 5], $socketTo('close', '', "VALUE k 768 1 5\r\n7\r\nEND\r\n")->get('k'));
        same(true, $socketTo('close', '', "STORED\r\n")->add('k', 1, 5));
        throws(StoreUnavailable::class, 'closed', static fn () => $socketTo('close', '', '', "END\r\n")->get('k'));
    },

    'what comes unasked is not taken for an answer' => static function () use ($socketTo): void {
        $link = $socketTo('hold', "END\r\nVALUE k 0 1 1\r\nx\r\nEND\r\n");
        same([null, null], [$link->get('k'), $link->get('k')]);
    },

    'what is gone leaves no connection' => static function () use ($server): void {
        $connections = static function () use ($server): int {
            $socket = stream_socket_client("tcp://127.0.0.1:{$server->port}");
            fwrite($socket, "stats\r\n");
            return (int) preg_replace('/.*\ncurr_connections (\d+).*/s', '$1', "\n" . str_replace('STAT ', '', stream_get_line($socket, 65536, 'END')));
        };
        foreach (Access::cases() as $access) {
            $before = $connections();
            for ($i = 0; $i < 20; $i++) {
                $access->open('127.0.0.1', $server->port)->get('nothing');
            }
            await("the connections of {$access->name} to end", static fn (): bool => $connections() < $before + 5, 2.0);
        }
    },

    'by a socket file' => static function (): void {
        $path = tempnam(sys_get_temp_dir(), 'mc');
        unlink($path);
        $user = posix_geteuid() === 0 ? ['-u', 'root'] : [];
        $process = proc_open(['memcached', '-s', $path, ...$user], [], $pipes);
        try {
            await('the socket file', static fn (): bool => file_exists($path));
            foreach (Access::cases() as $access) {
                $store = new MemcacheCommStore("unix://$path", 0, 'c', access: $access);
                $store->getMessages($access->name);
                $store->addMsg('x');
                same(['x'], array_values($store->getMessages($access->name)), $access->name);
            }
        } finally {
            proc_terminate($process);
            proc_close($process);
            if (file_exists($path)) {
                unlink($path);
            }
        }
    },

    'writers by both on one channel: nothing lost, one order for all' => static function () use ($server): void {
        $readers = [];
        foreach (Access::cases() as $access) {
            $readers[$access->name] = new MemcacheCommStore('127.0.0.1', $server->port, 'both', access: $access);
            $readers[$access->name]->getMessages($access->name);
        }
        $writers = [];
        foreach (['w0' => 'Extension', 'w1' => 'Socket', 'w2' => 'Extension', 'w3' => 'Socket'] as $name => $way) {
            $writers[] = Child::start('writer.php', (string) $server->port, 'both', $name, '150', $way);
        }
        $got = ['Extension' => [], 'Socket' => []];
        await('all messages', static function () use ($readers, &$got): bool {
            foreach ($readers as $way => $reader) {
                array_push($got[$way], ...array_values($reader->getMessages($way)));
            }
            return min(array_map(count(...), $got)) >= 600;
        }, 30.0);
        same([0, 0, 0, 0], array_map(static fn (Child $w): int => $w->end(), $writers), 'exit codes');
        same($got['Extension'], $got['Socket'], 'the order');
        $of = [];
        foreach ($got['Socket'] as $message) {
            [$writer, $n] = explode(' ', $message);
            $of[$writer][] = (int) $n;
        }
        ksort($of);
        same(array_fill_keys(['w0', 'w1', 'w2', 'w3'], range(0, 149)), $of);
        same(null, $server->item('channel_lock_both'), 'the lock');
    },
];
