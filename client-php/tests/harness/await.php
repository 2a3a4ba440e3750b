<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/** Waits until something holds, at most $seconds. */
function await(string $what, callable $holds, float $seconds = 10.0): void
{
    $deadline = hrtime(true) + (int) ($seconds * 1e9);
    while (!$holds()) {
        if (hrtime(true) > $deadline) {
            throw new Failure("waited $seconds s in vain for $what");
        }
        usleep(5000);
    }
}
