<?php

declare(strict_types=1);

namespace CommChannel\Gateway;

/**
 * What an exchange was answered with.
 *
 * @internal
 */
final class Answer
{
    /** From this many bytes on, an answer may have ended before all was told: the gateway's end at about 1 MiB. */
    private const LARGE = 512 * 1024;

    /**
     * @param list<\stdClass> $frames each has a string op
     * @param int             $bytes  of its text
     */
    public function __construct(public readonly array $frames, private int $bytes = 0)
    {
    }

    /** The first frame of an op. */
    public function find(string $op): ?\stdClass
    {
        foreach ($this->frames as $frame) {
            if ($frame->op === $op) {
                return $frame;
            }
        }
        return null;
    }

    /** Whether there may be more to tell. */
    public function isLarge(): bool
    {
        return $this->bytes >= self::LARGE;
    }
}
