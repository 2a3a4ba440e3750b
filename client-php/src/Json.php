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
    /**
     * @param int $flags further ones of json_encode(); with JSON_PARTIAL_OUTPUT_ON_ERROR it does not throw
     *
     * @throws MessageRefused for text that is not UTF-8, INF, NAN, cycles, and nesting deeper than 512
     */
    public static function encode(mixed $value, int $flags = 0): string
    {
        try {
            return json_encode($value, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION | $flags);
        } catch (\JsonException $e) {
            throw new MessageRefused('JSON can not carry this: ' . $e->getMessage(), 0, $e);
        }
    }

    /**
     * What JSON says, objects as stdClass; where one of them has a name that
     * begins with NUL, which stdClass can't have, all as associative arrays.
     * null, too, for what is no JSON.
     */
    public static function decode(string $text): mixed
    {
        $value = json_decode($text);
        return json_last_error() === JSON_ERROR_INVALID_PROPERTY_NAME ? json_decode($text, true) : $value;
    }

    /** Objects as associative arrays, at any depth. */
    public static function plain(mixed $value, int $flags = 0): mixed
    {
        return is_object($value) || is_array($value) ? json_decode(self::encode($value, $flags), true) : $value;
    }
}
