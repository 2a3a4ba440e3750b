<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\Gateway\Http;
use CommChannel\GatewayCommStore;
use CommChannel\Net\Deadline;
use CommChannel\Net\SocketFailure;
use CommChannel\StoreUnavailable;

/** What a server that answers with these bytes is understood to say. */
$post = static function (string $bytes, string $mode = 'close', float $seconds = 2.0): array {
    return (new Http('http://' . Child::canned($server, $mode, $bytes) . '/p?q=1', []))->post('[]', Deadline::in($seconds));
};

/** The bytes of an answer. */
$answer = static fn (string $body, int $status = 200): string => "HTTP/1.1 $status X\r\nContent-Length: " . strlen($body) . "\r\n\r\n$body";

return [
    'answers of all kinds' => static function () use ($post): void {
        foreach ([
            'length' => ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcX", 'close', 200, 'abc'],
            'length, left open' => ["HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\nabc", 'hold', 200, 'abc'],
            'a byte at a time' => ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 'drip', 200, 'abc'],
            'nothing' => ["HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 'hold', 503, ''],
            'until the end' => ["HTTP/1.0 200 OK\r\n\r\nabc", 'close', 200, 'abc'],
            'chunks' => ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: x\r\n\r\n", 'hold', 200, 'abc'],
            'first an interim one' => ["HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\na", 'hold', 200, 'a'],
            'bare line ends' => ["HTTP/1.1 200 OK\nContent-Length: 1\n\na", 'hold', 200, 'a'],
        ] as $name => [$bytes, $mode, $status, $body]) {
            same([$status, $body], $post($bytes, $mode, 5.0), $name);
        }
    },

    'what is no answer, or none in time' => static function () use ($post): void {
        $ok = "HTTP/1.1 200 OK\r\n";
        foreach ([
            'nothing' => ['', 'closed'],
            'no HTTP' => ["SSH-2.0-x\r\n", 'no answer in HTTP'],
            'cut head' => ['HTTP/1.1 200', 'closed'],
            'cut body' => ["{$ok}Content-Length: 9\r\n\r\nabc", 'closed'],
            'cut chunk' => ["{$ok}Transfer-Encoding: chunked\r\n\r\n9\r\nabc", 'closed'],
            'no chunk' => ["{$ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 'chunk without'],
            'too long' => ["{$ok}Content-Length: 99999999\r\n\r\n", 'bytes'],
            'too long by chunks' => ["{$ok}Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 'bytes'],
            'no length' => ["{$ok}Content-Length: -1\r\n\r\n", 'bytes'],
            'endless line' => ["{$ok}X: " . str_repeat('x', 50_000), 'a line of more'],
            'endless head' => [$ok . str_repeat("X: y\r\n", 200), 'headers'],
        ] as $name => [$bytes, $text]) {
            throws(SocketFailure::class, $text, static fn () => $post($bytes));
        }
        foreach (['drip', 'hold'] as $mode) {
            $start = hrtime(true);
            // Each byte comes in time, and all of them do not.
            throws(SocketFailure::class, 'timeout', static fn () => $post("{$ok}X: " . str_repeat('x', 500), $mode, 0.5));
            claim(hrtime(true) - $start < 1.5e9, "$mode: given up after half a second");
        }
    },

    'an answer without end' => static function () use ($post): void {
        throws(SocketFailure::class, 'more than 16777216 bytes', static fn () => $post("HTTP/1.0 200 OK\r\n\r\n", 'endless', 10.0));
    },

    'messages of one id in one answer, and frames of later versions' => static function () use ($answer): void {
        $message = static fn (string $id, int $n): array => ['op' => 'message', 'channel' => 'c', 'cursor' => "c$n", 'id' => $id, 'type' => '', 'payload' => $n];
        $body = json_encode([
            ['op' => 'welcome', 'clientid' => 'a', 'new' => 1], ['op' => 'new', 'channel' => 'c'], ['op' => 'new', 'x' => [1]],
            ['op' => 'subscribed', 'channel' => 'c', 'cursor' => 'c0', 'recovered' => true],
            $message('x', 1), $message('x', 2), $message('77', 3), ['channel' => 'other'] + $message('y', 4), $message('x', 5),
        ]);
        $store = new GatewayCommStore('http://' . Child::canned($server, 'close', $answer($body)), 'c', 'c0');
        same(['x' => 1, 'c2' => 2, 77 => 3, 'c5' => 5], $store->getMessages('a'));
        same('c5', $store->cursor('a'));
    },

    'a gateway that falls silent while one waits is not taken for a quiet channel' => static function () use ($answer): void {
        // Only the first request is answered in time.
        $url = 'http://' . Child::canned($server, 'hold', $answer('[{"op":"subscribed","channel":"c","cursor":"c0"}]'), '');
        $store = new GatewayCommStore($url, 'c', timeout: 0.3);
        throws(StoreUnavailable::class, 'timeout', static fn () => $store->waitForMessages('a', 0.2));
    },

    'nobody comes back before a gateway that goes away wants it' => static function () use ($answer): void {
        $message = '{"op":"message","channel":"c","cursor":"c1","id":"m","type":"","payload":"x"}';
        $frames = ['{"op":"subscribed","channel":"c","cursor":"c0"}', '{"op":"bye","reason":"draining","retry":800}', $message];
        $calls = [
            'getMessages' => static fn (GatewayCommStore $store) => $store->getMessages('a'),
            'waitForMessages' => static fn (GatewayCommStore $store) => $store->waitForMessages('a', 5.0),
        ];
        foreach ($calls as $name => $call) {
            $url = 'http://' . Child::canned($server, 'close', ...array_map(static fn (string $f): string => $answer("[$f]"), $frames));
            $store = new GatewayCommStore($url, 'c');
            $start = hrtime(true);
            same([], $store->waitForMessages('a', 0.2), 'waiting ends as it was told to');
            $waited = (hrtime(true) - $start) / 1e9;
            claim($waited >= 0.2 && $waited < 0.7, "0.2 s, took $waited");
            same([], $store->waitForMessages('a', 0.1), 'and again');
            same(2, $server->lines(), 'exchanges');
            same(['m' => 'x'], $call($store), $name);
            $took = (hrtime(true) - $start) / 1e9;
            claim($took >= 0.8, "$name came after $took s");
        }
        $waits = new GatewayCommStore('http://' . Child::canned($server, 'close', ...array_map(static fn (string $f): string => $answer("[$f]"), $frames)), 'c');
        $start = hrtime(true);
        same(['m' => 'x'], $waits->waitForMessages('a', 10.0), 'in one call');
        claim(hrtime(true) - $start >= 0.8e9, 'it waits so long');
    },

    'what is answered at once without end is not asked without end' => static function () use ($answer): void {
        foreach (['[]', '[{"op":"new","channel":"c"}]', '[{"op":"subscribed","channel":"c","cursor":"c0","recovered":false}]'] as $body) {
            $store = new GatewayCommStore('http://' . Child::canned($server, 'close', $answer($body)), 'c', 'c0');
            same([], $store->waitForMessages('a', 1.5));
            $asked = $server->lines();
            claim($asked > 4 && $asked < 25, "$asked exchanges in 1.5 s, answered with $body");
        }
    },

    'what is no gateway' => static function () use ($answer): void {
        foreach ([
            [$answer('<html>'), 'status 200'], [$answer('{}'), 'status 200'], [$answer('[1]'), 'none of a gateway'],
            [$answer('[{"op":1}]'), 'none of a gateway'], [$answer('<html>', 502), 'status 502'], [$answer('[]', 500), 'status 500'],
            [$answer('[{"op":"error","code":"new_one","message":"m"}]'), 'new_one: m'], [$answer('[{"op":"error"}]'), ''],
            [$answer('{"code":"unavailable","message":"m"}', 503), 'unavailable: m'], [$answer('[]'), 'did not'],
        ] as [$bytes, $text]) {
            $store = new GatewayCommStore('http://' . Child::canned($server, 'close', $bytes), 'c');
            throws(StoreUnavailable::class, $text, static fn () => $store->cursor());
        }
    },

    'by TLS, to whom the certificate is for' => static function (): void {
        $key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
        $csr = openssl_csr_new(['commonName' => 'gateway.test'], $key, ['digest_alg' => 'sha256']);
        openssl_x509_export(openssl_csr_sign($csr, null, $key, 1, ['digest_alg' => 'sha256']), $certificate);
        openssl_pkey_export($key, $pem);
        $file = tempnam(sys_get_temp_dir(), 'tls');
        file_put_contents($file, $certificate . $pem);
        try {
            $gateway = new GatewayServer();
            $relay = Child::start('relay.php', $gateway->address, '0', $file);
            $url = "https://127.0.0.1:{$relay->line()}/channel";
            throws(StoreUnavailable::class, 'certificate', static fn () => (new GatewayCommStore($url, 'c'))->addMsg('x'));
            throws(StoreUnavailable::class, '', static fn () => (new GatewayCommStore($url, 'c', tls: ['cafile' => $file]))->addMsg('x'));
            $store = new GatewayCommStore($url, 'c', tls: ['cafile' => $file, 'peer_name' => 'gateway.test']);
            $store->getMessages('a');
            $large = str_repeat('x', 60_000);
            $store->addMsg($large);
            same([$large], array_values(gather(1, static fn () => $store->getMessages('a'))));
        } finally {
            unlink($file);
        }
    },
];
