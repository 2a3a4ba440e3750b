<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/** Claims that $got is identical to $want. */
function same(mixed $want, mixed $got, string $what = 'value'): void
{
    if ($got !== $want) {
        throw new Failure(sprintf("%s: got\n  %s\nwant\n  %s", $what, var_export($got, true), var_export($want, true)));
    }
}

function claim(bool $holds, string $what): void
{
    if (!$holds) {
        throw new Failure("not so: $what");
    }
}

/**
 * Claims that $do throws an exception of a class whose text contains $text.
 *
 * @param class-string<\Throwable> $class
 */
function throws(string $class, string $text, callable $do): void
{
    try {
        $do();
    } catch (\Throwable $e) {
        if (!$e instanceof $class || !str_contains($e->getMessage(), $text)) {
            throw new Failure(sprintf('got %s "%s", want %s with "%s"', $e::class, $e->getMessage(), $class, $text), 0, $e);
        }
        return;
    }
    throw new Failure("got no exception, want $class");
}
