<?php

declare(strict_types=1);

// php tests/run.php [parts of tests' names]

namespace CommChannel\Tests;

use CommChannel\Memcache\Access;

foreach (['posix', 'zlib', 'openssl'] as $extension) {
    if (!extension_loaded($extension)) {
        fwrite(STDERR, "the tests need the PHP extension $extension\n");
        exit(1);
    }
}

require __DIR__ . '/harness/load.php';
require __DIR__ . '/../autoload.php';

$runner = new Runner(...array_slice($argv, 1));
foreach (glob(__DIR__ . '/cases/*.php') as $file) {
    $tests = require $file;
    if (is_array($tests)) {
        $runner->run(basename($file, '.php'), $tests);
        continue;
    }
    // Those are for each way to memcached that this PHP has.
    foreach (extension_loaded('memcache') ? Access::cases() : [Access::Socket] as $access) {
        $runner->run(basename($file, '.php') . " ({$access->name})", $tests($access));
    }
}
exit($runner->finish());
