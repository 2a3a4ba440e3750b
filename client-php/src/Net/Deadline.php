<?php

declare(strict_types=1);

namespace CommChannel\Net;

/**
 * A moment by which something has to be done, on a clock that never goes back.
 *
 * @internal
 */
final class Deadline
{
    private function __construct(private float $at)
    {
    }

    public static function in(float $seconds): self
    {
        return new self(hrtime(true) / 1e9 + $seconds);
    }

    /** Seconds until then, 0 at least. */
    public function left(): float
    {
        return max(0.0, $this->at - hrtime(true) / 1e9);
    }

    public function passed(): bool
    {
        return $this->left() <= 0.0;
    }

    /** Sleeps for so many seconds, but not beyond the deadline. */
    public function sleep(float $seconds): void
    {
        usleep((int) ceil(min($seconds, $this->left()) * 1e6));
    }
}
