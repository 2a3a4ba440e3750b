<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\ChannelUnreadable;
use CommChannel\Muted;

/**
 * Values as the `memcache` extension writes them: the flags of an item tell
 * PHP's type, and whether it is compressed.
 *
 * @internal
 */
final class Value
{
    private const TEXT = 0;
    private const COMPRESSED = 2; // a bare zlib stream of a text
    private const BOOLEAN = 256;
    private const INTEGER = 768;

    /** Most bytes that are inflated, the gateway's bound: a small value may inflate to any size. */
    private const MAX_TEXT = 8 << 20;

    /**
     * Texts are compressed if a fifth of them is saved at least.
     *
     * @return array{int, string} flags and bytes
     */
    public static function pack(int|string $value): array
    {
        if (is_int($value)) {
            return [self::INTEGER, (string) $value];
        }
        $packed = function_exists('gzcompress') ? (string) gzcompress($value) : $value;
        return strlen($packed) <= (int) (strlen($value) * 0.8) ? [self::COMPRESSED, $packed] : [self::TEXT, $value];
    }

    /** @throws ChannelUnreadable */
    public static function unpack(int $flags, string $bytes): string|int|bool
    {
        return match ($flags) {
            self::TEXT => $bytes,
            self::COMPRESSED => self::inflate($bytes),
            self::BOOLEAN => (bool) $bytes,
            self::INTEGER => (int) $bytes,
            default => throw new ChannelUnreadable("the store has a value with the unknown flags $flags"),
        };
    }

    private static function inflate(string $bytes): string
    {
        if (!function_exists('gzuncompress')) {
            throw new ChannelUnreadable('the store has a compressed value, and the PHP extension "zlib" is not loaded');
        }
        [$text, $complaints] = Muted::call(static fn () => gzuncompress($bytes, self::MAX_TEXT));
        if ($text === false) {
            throw new ChannelUnreadable("the store has a damaged value: " . implode(', ', $complaints));
        }
        return $text;
    }
}
