<?php

declare(strict_types=1);

// php sender.php URL CHANNEL NAME N MILLISECONDS: sends "NAME 0", "NAME 1"... to a
// gateway, so many milliseconds apart, the first after as many; "ready" comes
// before. What the gateway does not take for want of its store or itself is
// sent again, as an application would.

use CommChannel\StoreUnavailable;

require __DIR__ . '/../../autoload.php';

[, $url, $channel, $name, $n, $pause] = $argv;
$client = new CommChannel\JSCommChannel(new CommChannel\GatewayCommStore($url, $channel), $name);
echo "ready\n";
for ($i = 0; $i < (int) $n; $i++) {
    usleep(1000 * (int) $pause);
    for (;;) {
        try {
            $client->send('msg', "$name $i");
            break;
        } catch (StoreUnavailable) {
            usleep(20_000);
        }
    }
}
