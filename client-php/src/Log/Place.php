<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * A number of an epoch. As a cursor it is the place behind that number.
 *
 * @internal
 */
final class Place
{
    /** An epoch's first number lies so many bits above the milliseconds at which it began. */
    private const EPOCH_BITS = 20;

    /** How many numbers fit between an epoch's first and that of one a millisecond later. */
    public const PER_EPOCH = 1 << self::EPOCH_BITS;

    /** Above this, PHP could not count on. Milliseconds come there in the year 2248. */
    public const MAX_N = PHP_INT_MAX - (1 << 24);

    public function __construct(public readonly int $epoch, public readonly int $n)
    {
    }

    /** The number that a head begins with, at these milliseconds since 1970. */
    public static function first(int $milliseconds): int
    {
        return $milliseconds << self::EPOCH_BITS;
    }

    /** Where this number's epoch began, if it has not given out a million numbers yet. */
    public function base(): int
    {
        return $this->n & ~(self::PER_EPOCH - 1);
    }

    public function cursor(): string
    {
        return sprintf('%08x.', $this->epoch) . Key::base36($this->n);
    }

    /** Null for what cursor() never wrote, and for numbers that PHP can't count with. */
    public static function parse(string $cursor): ?self
    {
        if (preg_match('/^([0-9a-f]{8})\.([0-9a-z]{1,13})$/D', $cursor, $m) !== 1) {
            return null;
        }
        $n = 0;
        foreach (str_split($m[2]) as $digit) {
            $n = $n * 36 + (int) strpos(Key::DIGITS, $digit);
            if ($n > self::MAX_N) {
                return null;
            }
        }
        $place = new self((int) hexdec($m[1]), $n);
        return $place->cursor() === $cursor ? $place : null;
    }

    public function is(?self $other): bool
    {
        return $other !== null && $other->epoch === $this->epoch && $other->n === $this->n;
    }
}
