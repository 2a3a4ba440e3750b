<?php

declare(strict_types=1);

// php recorder.php UPSTREAM_PORT LOG: prints the port at which it listens,
// hands one connection on to the upstream, and writes what passes to LOG, one
// line {"to":"server"|"client","data":base64} for all bytes of one direction
// until the other one speaks. Ends with the connection.

[, $upstreamPort, $log] = $argv;
$listener = stream_socket_server('tcp://127.0.0.1:0');
echo substr(strrchr(stream_socket_get_name($listener, false), ':'), 1), "\n";
fclose(STDOUT);
$client = stream_socket_accept($listener, 30);
$server = stream_socket_client("tcp://127.0.0.1:$upstreamPort");

$out = fopen($log, 'w');
$data = '';
$direction = '';
$flush = static function () use ($out, &$data, &$direction): void {
    if ($data !== '') {
        fwrite($out, json_encode(['to' => $direction, 'data' => base64_encode($data)]) . "\n");
    }
    $data = '';
};
for (;;) {
    $ready = [$client, $server];
    $none = null;
    stream_select($ready, $none, $none, 30);
    if ($ready === []) {
        fwrite(STDERR, "nothing for 30 s\n");
        exit(1);
    }
    foreach ($ready as $from) {
        $bytes = fread($from, 65536);
        if ($bytes === '' || $bytes === false) {
            $flush();
            exit(0);
        }
        $to = $from === $client ? 'server' : 'client';
        if ($to !== $direction) {
            $flush();
            $direction = $to;
        }
        $data .= $bytes;
        fwrite($to === 'server' ? $server : $client, $bytes);
    }
}
