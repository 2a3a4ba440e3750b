<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * Calls functions of PHP that tell by notices what is wrong with a connection
 * or with data: here that is an answer and no fault of the program.
 *
 * @internal
 */
final class Muted
{
    /**
     * What $do returns, and what it complained of. Whatever error handler the
     * site has does not see that.
     *
     * @template T
     *
     * @param callable(): T $do
     *
     * @return array{T, list<string>}
     */
    public static function call(callable $do): array
    {
        $complaints = [];
        set_error_handler(static function (int $level, string $text) use (&$complaints): bool {
            $complaints[] = $text;
            return true;
        });
        try {
            return [$do(), $complaints];
        } finally {
            restore_error_handler();
        }
    }
}
