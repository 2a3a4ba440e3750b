<?php
// Raises a channel's counter and adds a message, and reads what others added,
// all with the channel as the server key. Arguments: the servers as JSON, the
// channel, the id, the text. Standard output: the number, and the slot before.
[, $servers, $channel, $id, $text] = $argv;
$memcached = new Memcached();
$memcached->setOption(Memcached::OPT_LIBKETAMA_COMPATIBLE, true);
$memcached->setOption(Memcached::OPT_COMPRESSION, false);
$memcached->addServers(json_decode($servers, true));
$n = $memcached->incrementByKey($channel, "cc1:$channel:h", 1);
if ($n === false) {
    fwrite(STDERR, $memcached->getResultMessage());
    exit(1);
}
$before = $memcached->getByKey($channel, "cc1:$channel:" . to36($n - 1));
$epoch = substr($before, 1, 4);
$value = "\x01" . $epoch . chr(strlen($id)) . $id . $text;
$key = "cc1:$channel:" . to36($n);
if (!$memcached->addByKey($channel, $key, $value, 120)) {
    fwrite(STDERR, $memcached->getResultMessage());
    exit(1);
}
echo json_encode(['n' => $n, 'before' => substr($before, 6 + ord($before[5]))]);

// to36 is exact, which base_convert is not.
function to36(int $n): string
{
    for ($digits = ''; $n > 0; $n = intdiv($n, 36)) {
        $digits = '0123456789abcdefghijklmnopqrstuvwxyz'[$n % 36] . $digits;
    }
    return $digits;
}
