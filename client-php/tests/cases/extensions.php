<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\CommException;
use CommChannel\Memcache\Access;
use CommChannel\MemcacheCommStore;

/** Runs tests of this suite under a PHP without configuration but these extensions. */
$suite = static function (array $extensions, string ...$tests): void {
    $php = [PHP_BINARY, '-n', ...Child::load(['posix', 'zlib', 'openssl', ...$extensions])];
    $process = proc_open([...$php, __DIR__ . '/../run.php', ...$tests], [1 => ['pipe', 'w']], $pipes);
    $out = stream_get_contents($pipes[1]);
    same(0, proc_close($process), "exit code, after\n$out");
    claim(preg_match('/\n(\d+) passed, 0 failed\n$/', $out, $m) === 1 && $m[1] >= 15, "tests have run: $out");
};

return [
    'with the memcached extension alone' => static function () use ($suite): void {
        $suite(['igbinary', 'msgpack', 'memcached'], 'store (', 'faults (', 'channels:', 'native:', 'cursor:');
    },

    'with no extension at all' => static function () use ($suite): void {
        $suite([], 'store (');
    },

    'with the memcache extension alone' => static function () use ($suite): void {
        $suite(['memcache'], 'store (Extension)', 'links:');
    },

    'an extension that was asked for and is not there' => static function (): void {
        $code = 'require $argv[1]; try { new MemcacheCommStore("127.0.0.1", 1, "c", access: CommChannel\Memcache\Access::Extension); }'
            . 'catch (CommChannel\CommException $e) { echo $e->getMessage(); }';
        $process = proc_open([PHP_BINARY, '-n', '-r', $code, '--', __DIR__ . '/../../autoload.php'], [1 => ['pipe', 'w']], $pipes);
        same('the PHP extension "memcache" is not loaded', stream_get_contents($pipes[1]));
        same(0, proc_close($process));
    },

    'why the memcached extension is not used: it can not read what others write' => static function (): void {
        if (!extension_loaded('memcached')) {
            return;
        }
        $server = new MemcachedServer();
        $store = new MemcacheCommStore('127.0.0.1', $server->port, 'c', access: Access::Socket);
        $store->addMsg(str_repeat('a', 500));
        same(2, $server->item('channel_c')['flags']);
        $memcached = new \Memcached();
        $memcached->addServer('127.0.0.1', $server->port);
        same(0.0, $memcached->get('channel_c'), 'a compressed channel');
        $memcached->setOption(\Memcached::OPT_COMPRESSION, false);
        $memcached->setOption(\Memcached::OPT_USER_FLAGS, 2);
        $memcached->set('own', 'x');
        same(2 << 16, $server->item('own')['flags'], 'flags of its user, who asked for 2');
    },
];
