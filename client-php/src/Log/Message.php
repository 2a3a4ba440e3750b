<?php

declare(strict_types=1);

namespace CommChannel\Log;

/** @internal */
final class Message
{
    /** @param string $cursor the place behind it */
    public function __construct(
        public readonly string $id,
        public readonly string $text,
        public readonly string $cursor,
    ) {
    }
}
