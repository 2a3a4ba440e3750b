<?php

declare(strict_types=1);

// php relay.php HOST:PORT CUT [CERTIFICATE]: listens, tells its port, and hands
// HTTP requests on to a server and its answers back, with TLS before it if it
// is given a certificate. The first CUT answers are read and thrown away, with
// the connection.

[, $upstream, $cut] = $argv;
$tls = isset($argv[3]);
$context = stream_context_create(['ssl' => ['local_cert' => $argv[3] ?? '']]);
$server = stream_socket_server(($tls ? 'tls' : 'tcp') . '://127.0.0.1:0', $code, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context);
echo substr(strrchr(stream_socket_get_name($server, false), ':'), 1), "\n";

/** Reads one message of HTTP whose length is told; "" at the end. */
function message($connection): string
{
    $text = '';
    do {
        $line = (string) fgets($connection);
        $text .= $line;
    } while (trim($line) !== '');
    if (preg_match('/^content-length: *(\d+)/mi', $text, $m)) {
        $text .= stream_get_contents($connection, (int) $m[1]);
    }
    return $text;
}

for (;;) {
    set_error_handler(static fn (): bool => true); // a handshake may fail
    $client = stream_socket_accept($server, 60);
    restore_error_handler();
    while ($client && ($request = message($client)) !== '') {
        $gateway = stream_socket_client("tcp://$upstream");
        fwrite($gateway, $request);
        $answer = message($gateway);
        fclose($gateway);
        if ($cut-- > 0) {
            break;
        }
        fwrite($client, $answer);
    }
    if ($client) {
        fclose($client);
    }
}
