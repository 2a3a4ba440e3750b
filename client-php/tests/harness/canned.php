<?php

declare(strict_types=1);

// php canned.php MODE BASE64...: listens, tells its port, and answers whatever
// comes on each connection with the next of these texts, the last one again and
// again. It tells each connection by a line. The MODE is one of
//
//   close    the connection is closed after the text
//   hold     it is left open
//   drip     the text goes a byte at a time
//   endless  more bytes follow for ever

[, $mode] = $argv;
$texts = array_map(base64_decode(...), array_slice($argv, 2));
$server = stream_socket_server('tcp://127.0.0.1:0');
echo substr(strrchr(stream_socket_get_name($server, false), ':'), 1), "\n";
$open = [];
for ($n = 0; $connection = stream_socket_accept($server, 60); $n++) {
    echo "connection $n\n";
    fread($connection, 65536);
    $text = $texts[min($n, count($texts) - 1)];
    set_error_handler(static fn (): bool => true); // who is answered may go at any time
    foreach ($mode === 'drip' ? str_split($text) : [$text] as $i => $part) {
        if ($i > 0) {
            usleep(50_000);
        }
        if (fwrite($connection, $part) === false) {
            break;
        }
    }
    while ($mode === 'endless' && fwrite($connection, str_repeat('x', 65536)) !== false) {
        continue;
    }
    restore_error_handler();
    if ($mode === 'hold') {
        $open[] = $connection;
    } else {
        fclose($connection);
    }
}
