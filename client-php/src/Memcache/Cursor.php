<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

/**
 * Places in a channel's order, as the gateway names them: made of the channel
 * alone, so that PHP and every gateway give a message the same one.
 *
 *     <id>.<mark>        behind the message with this id and value
 *     ~<22 characters>   the same, for an id that is long or not URL-safe
 *     _<either>          before that message
 *     -.<time>.<life>    behind everything, taken when the channel held no message
 *
 * The mark is of the value's hash: two processes of the old library may give
 * one id to two messages. The time is unix milliseconds in base 36.
 *
 * @internal
 */
final class Cursor
{
    /** An id that a cursor may hold as it stands: with "_", "." and the mark it has 64 bytes at most. */
    private const PLAIN_ID = '/^[A-Za-z0-9.][A-Za-z0-9._~-]{0,53}$/D';

    public static function behind(int|string $id, mixed $value): string
    {
        $hash = self::hash($value);
        if (preg_match(self::PLAIN_ID, (string) $id) === 1) {
            return "$id." . self::mark($hash);
        }
        $both = hash('sha256', self::token((string) $id) . $hash, true);
        return '~' . self::base64(substr($both, 0, 16));
    }

    public static function before(int|string $id, mixed $value): string
    {
        return '_' . self::behind($id, $value);
    }

    /**
     * @param int    $time milliseconds since 1970, when the channel held no message
     * @param string $life what Life told before that
     */
    public static function ofEmpty(int $time, string $life): string
    {
        return '-.' . base_convert((string) $time, 10, 36) . '.' . self::mark(hash('sha256', $life, true));
    }

    /** What a value means, however it is written: arrays and objects are alike, as to PHP. */
    private static function hash(mixed $value): string
    {
        return hash('sha256', is_string($value) ? $value : "\0value\0" . self::tokens($value), true);
    }

    private static function tokens(mixed $value): string
    {
        if (!is_array($value) && !is_object($value)) {
            return self::token(self::scalar($value));
        }
        $tokens = self::token('(');
        foreach ((array) $value as $key => $element) {
            $tokens .= self::token((string) $key) . self::tokens($element);
        }
        return $tokens . self::token(')');
    }

    private static function scalar(mixed $value): string
    {
        return match (true) {
            is_string($value) => $value,
            is_bool($value) => $value ? 'btrue' : 'bfalse',
            is_int($value) => "n$value",
            is_float($value) => 'n' . self::decimal($value),
            default => 'null',
        };
    }

    private static function token(string $text): string
    {
        return strlen($text) . ":$text";
    }

    /** The shortest decimal number that is $x, without an exponent. */
    private static function decimal(float $x): string
    {
        $before = ini_set('serialize_precision', '-1');
        $text = json_encode($x + 0.0); // -0 is 0 to PHP
        ini_set('serialize_precision', (string) $before);
        if (!preg_match('/^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/', (string) $text, $m)) {
            return $x < 0 ? '-Inf' : '+Inf';
        }
        $fraction = $m[3] ?? '';
        $digits = $m[2] . $fraction;
        $point = strlen($m[2]) + (int) ($m[4] ?? 0);
        $digits = str_pad($digits, $point, '0');
        if ($point <= 0) {
            $digits = str_repeat('0', 1 - $point) . $digits;
            $point = 1;
        }
        $fraction = rtrim(substr($digits, $point), '0');
        return $m[1] . substr($digits, 0, $point) . ($fraction === '' ? '' : ".$fraction");
    }

    private static function mark(string $hash): string
    {
        return self::base64(substr($hash, 0, 6));
    }

    private static function base64(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
