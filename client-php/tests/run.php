<?php

declare(strict_types=1);

// php tests/run.php [part of a test's name]

namespace CommChannel\Tests;

foreach (['memcache', 'posix', 'zlib'] as $extension) {
    if (!extension_loaded($extension)) {
        fwrite(STDERR, "the tests need the PHP extension $extension\n");
        exit(1);
    }
}

require __DIR__ . '/harness/load.php';
require __DIR__ . '/../autoload.php';

$runner = new Runner($argv[1] ?? '');
foreach (glob(__DIR__ . '/cases/*.php') as $file) {
    $runner->run(basename($file, '.php'), require $file);
}
exit($runner->finish());
