<?php

declare(strict_types=1);

// php helper.php: the HTTP helper of the old library, run by PHP's own server.

namespace CommChannel\E2E;

use CommChannel\Tests\MemcachedServer;
use CommChannel\Tests\Runner;

use function CommChannel\Tests\await;
use function CommChannel\Tests\claim;
use function CommChannel\Tests\same;

require __DIR__ . '/../../../client-php/tests/harness/load.php';
require __DIR__ . '/Agent.php';

$server = new MemcachedServer();
$port = MemcachedServer::freePort();
$helper = proc_open(
    [PHP_BINARY, '-S', "127.0.0.1:$port", '-t', __DIR__ . '/../legacy'],
    [2 => ['file', '/dev/null', 'w']],
    $pipes,
    null,
    ['MEMCACHED_PORT' => (string) $server->port] + getenv()
);
/** @return array{string, string, string} status line, content type, body */
$ask = static function (string $method, string $query, string $body = '') use ($port): array {
    $context = stream_context_create(['http' => [
        'method' => $method,
        'header' => 'Content-Type: text/plain;charset=UTF-8',
        'content' => $body,
        'ignore_errors' => true,
    ]]);
    $answer = file_get_contents("http://127.0.0.1:$port/channel.php?$query", false, $context);
    $type = array_values(preg_grep('/^Content-type:/i', $http_response_header))[0] ?? '';
    return [$http_response_header[0], trim(substr($type, 13)), $answer];
};
$get = static fn (string $channel, string $client): string => $ask('GET', "channelid=$channel&clientid=$client")[2];

$runner = new Runner();
$runner->run('helper', [
    'starts' => static fn () => await('the helper', static function () use ($port): bool {
        set_error_handler(static fn (): bool => true);
        $socket = stream_socket_client("tcp://127.0.0.1:$port", $errno, $error, 1);
        restore_error_handler();
        return $socket !== false;
    }),

    'polls and sends' => static function () use ($ask, $get): void {
        same(['HTTP/1.1 200 OK', 'text/html; charset=UTF-8', '[]'], $ask('GET', 'channelid=room&clientid=7'));
        $message = '{"type":"msg","payload":"Hello there!","from":7}';
        same(['HTTP/1.1 200 OK', 'text/html; charset=UTF-8', ''], $ask('POST', 'channelid=room&clientid=7', $message));
        same(json_encode([$message]), $get('room', '7'));
        same('[]', $get('room', '7'));
    },

    'what is stored is what was captured' => static function () use ($ask, $server): void {
        $ask('POST', 'channelid=stored&clientid=7', '{"type":"msg","payload":"Hello there!","from":483920}');
        $want = '/^\{"lastid":0,"messages":\{"[0-9a-f]{13}":"\{\\\\"type\\\\":\\\\"msg\\\\",\\\\"payload\\\\":\\\\"Hello there!\\\\",\\\\"from\\\\":483920\}"\}\}$/';
        claim(preg_match($want, $server->text('channel_stored')) === 1, 'stored as captured: ' . $server->text('channel_stored'));
    },

    'tells the address and ignores all else' => static function () use ($ask, $server): void {
        same('127.0.0.1', $ask('GET', 'getIP')[2]);
        same('127.0.0.1', $ask('POST', 'getIP=1&channelid=ip&clientid=7', 'x')[2]);
        same(null, $server->item('channel_ip'));
    },

    'a channel of an address is read from there only' => static function () use ($ask, $get): void {
        $refused = '{err: "Unauthorised client"}';
        foreach ([
            '127.0.0.1_x' => '[]',
            'pre_127.0.0.1_x' => '[]',
            '1127.0.0.1_x' => '[]',
            '127.0.0.1x' => '[]',
            '10.0.0.1x' => '[]',
            '10.0.0.1_x' => $refused,
            'pre_10.0.0.1_x' => $refused,
            '10.0.0.1_127.0.0.1_x' => $refused,
        ] as $channel => $want) {
            same($want, $get($channel, 'c'), $channel);
        }
        same('', $ask('POST', 'channelid=10.0.0.1_x&clientid=c', 'x')[2], 'POST is free to all');
    },

    'talks with PHP' => static function () use ($ask, $get, $server): void {
        $get('mixed', '7');
        foreach (['legacy', 'client'] as $library) {
            $agent = new Agent($library, $server->port, 'mixed', $library, 'JS');
            $agent->get();
            $ask('POST', 'channelid=mixed&clientid=7', '{"type":"msg","payload":"from a page","from":7}');
            $m = $agent->get()[0];
            same(['msg', 'from a page'], [$m['type'], $m['payload']], $library);
            $agent->do(['do' => 'send', 'type' => 'msg', 'payload' => "from $library"]);
            $texts = json_decode($get('mixed', '7'), true);
            same("from $library", json_decode($texts[1], true)['msg']);
        }
    },
]);
$code = $runner->finish();
proc_terminate($helper);
proc_close($helper);
exit($code);
