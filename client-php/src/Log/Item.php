<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * What a key of memcached holds.
 *
 * @internal
 */
final class Item
{
    /** @param string $cas a number of 64 bits without a sign, which PHP has not */
    public function __construct(
        public readonly int $flags,
        public readonly string $value,
        public readonly string $cas,
    ) {
    }
}
