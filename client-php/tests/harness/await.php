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

/**
 * The first messages of a client, at least so many: what was sent by way of a
 * gateway, or is read by one, comes some ms later.
 *
 * @param callable(): array<mixed> $poll
 *
 * @return array<mixed>
 */
function gather(int $n, callable $poll): array
{
    $got = [];
    await("$n messages", static function () use ($n, $poll, &$got): bool {
        $got = array_merge($got, $poll());
        return count($got) >= $n;
    });
    return $got;
}
