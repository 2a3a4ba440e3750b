<?php

declare(strict_types=1);

// php wire.php: the equivalent of the old library in ../legacy sends and
// stores byte for byte what a capture of the old library itself shows.

namespace CommChannel\E2E;

use CommChannel\Tests\MemcachedServer;
use CommChannel\Tests\Runner;

use function CommChannel\Tests\claim;
use function CommChannel\Tests\same;

require __DIR__ . '/../../../client-php/tests/harness/load.php';

/** @return list<array{string, string}> who is spoken to and what is said, from the capture */
function captured(): array
{
    $talk = [];
    foreach (file(__DIR__ . '/../testdata/wire_php_memcache.txt') as $line) {
        if (preg_match("/^[\\d.]+ C1([<>]) b'(.*)'$/", rtrim($line), $m)) {
            // Python's notation of bytes: only \r and \n are escaped in it.
            $talk[] = [$m[1] === '>' ? 'server' : 'client', strtr($m[2], ['\\r' => "\r", '\\n' => "\n"])];
        }
    }
    return $talk;
}

/** Lets a process do to a channel named "wire1" what the capture was made of. */
function record(string $library, int $port): array
{
    $log = tempnam(sys_get_temp_dir(), 'wire');
    $recorder = proc_open([PHP_BINARY, __DIR__ . '/recorder.php', (string) $port, $log], [1 => ['pipe', 'w']], $pipes);
    $code = '[, $library, $port] = $argv; require $library;'
        . '$store = new MemcacheCommStore("127.0.0.1", $port, "wire1"); $alice = new CommChannel($store, "alice");'
        . '$got = []; $poll = function () use ($alice, &$got) { $got[] = $alice->getMessages(); };'
        . '$poll(); $poll(); $poll(); $alice->send("hello"); $poll(); $poll(); $poll(); $store->removeClient("alice");'
        . 'echo json_encode($got);';
    $command = [PHP_BINARY, '-r', $code, '--', $library, trim(fgets($pipes[1]))];
    $process = proc_open($command, [1 => ['pipe', 'w']], $out);
    same('[[],[],[],["hello"],[],[]]', stream_get_contents($out[1]), 'what getMessages returned');
    same(0, proc_close($process), 'exit code');
    same(0, proc_close($recorder), 'exit code of the recorder');
    $talk = [];
    foreach (file($log) as $line) {
        ['to' => $to, 'data' => $data] = json_decode($line, true);
        $talk[] = [$to, base64_decode($data)];
    }
    unlink($log);
    return $talk;
}

/**
 * Names the ids in a talk by the order in which they come up.
 *
 * @param list<array{string, string}> $talk
 *
 * @return list<array{string, string}>
 */
function nameIDs(array $talk): array
{
    $names = [];
    foreach ($talk as [$to, $data]) {
        $named[] = [$to, preg_replace_callback('/"([0-9a-f]{13})"/', static function (array $m) use (&$names): string {
            return '"' . ($names[$m[1]] ??= sprintf('id-%010d', count($names))) . '"';
        }, $data)];
    }
    return $named;
}

$server = new MemcachedServer();
$runner = new Runner();
$runner->run('wire', [
    'the capture is read' => static function (): void {
        same(72, count(captured()));
        same(['server', "get channel_wire1\r\n"], captured()[0]);
    },
    'the old library, byte for byte' => static function () use ($server): void {
        $got = nameIDs(record(__DIR__ . '/../legacy/load.php', $server->port));
        foreach (nameIDs(captured()) as $i => $want) {
            same($want, $got[$i] ?? null, "part $i");
        }
        same(count(captured()), count($got), 'parts');
    },
    'values as captured' => static function () use ($server): void {
        require_once __DIR__ . '/../legacy/load.php';
        $store = static fn (string $channel): \MemcacheCommStore => new \MemcacheCommStore('127.0.0.1', $server->port, $channel);
        $item = static fn (string $channel): array => array_values($server->item("channel_$channel"));

        $store('gone')->delMsg('x');
        same([0, 30, '{"lastid":0,"messages":[]}'], $item('gone'), 'a delete in an absent channel');

        (new \CommChannel($store('bad'), 'x'))->send("\xff");
        same([256, 30, '0'], $item('bad'), 'not UTF-8');

        (new \JSCommChannel($store('js'), 'bob'))->send('obj', ['c' => null, 'd' => 1.5, 'e' => []]);
        [$text] = array_values(json_decode($server->text('channel_js'), true)['messages']);
        same('{"type":"obj","msg":{"c":null,"d":1.5,"e":[]},"from":"bob"}', $text, 'a typed message');

        (new \CommChannel($store('zip'), 'x'))->send(str_repeat('a', 200));
        [$flags, , $value] = $item('zip');
        same([2, '789c'], [$flags, bin2hex(substr($value, 0, 2))], 'compressed');
    },
    'numeric ids, as captured' => static function () use ($server): void {
        $server->set('channel_n1', '{"lastid":0,"messages":{"_overhead_alice":{"lastID":"_overhead_alice"},"77":"x","78":"y"}}');
        $alice = new \CommChannel(new \MemcacheCommStore('127.0.0.1', $server->port, 'n1'), 'alice');
        same(['x', 'y'], $alice->getMessages());
        same('{"lastid":0,"messages":{"_overhead_alice":{"lastID":78},"77":"x","78":"y"}}', $server->text('channel_n1'));
        same([], $alice->getMessages());
    },
]);
exit($runner->finish());
