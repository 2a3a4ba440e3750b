<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * JSON as messages are written: as the old library did, except that 1.0 stays
 * 1.0 and that what can't be written is an exception.
 *
 * @internal
 */
final class Json
{
    /** @throws MessageRefused for text that is not UTF-8, INF, NAN, cycles, and nesting deeper than 512 */
    public static function encode(mixed $value): string
    {
        try {
            return json_encode($value, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
        } catch (\JsonException $e) {
            throw new MessageRefused('JSON can not carry this: ' . $e->getMessage(), 0, $e);
        }
    }
}
