<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * The keys of one channel in memcached.
 *
 * @internal
 */
final class Key
{
    /** Most bytes of a name: with all that goes around it, a key has room for 250. */
    private const MAX_NAME = 180;

    private const PLAIN = '/^[A-Za-z0-9._-][A-Za-z0-9._~-]{0,179}$/D';

    /** Of numbers in keys and cursors. */
    public const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

    /** The channel's name as its keys hold it. */
    public readonly string $name;

    public function __construct(string $channel)
    {
        $this->name = self::nameOf($channel);
    }

    public function head(): string
    {
        return "cc1:{$this->name}:h";
    }

    public function slot(int $n): string
    {
        return "cc1:{$this->name}:" . self::base36($n);
    }

    public function claim(string $id): string
    {
        return "cc1:{$this->name}:i:" . self::hash($id);
    }

    /** Where the place of a polling client is. */
    public function client(string $clientID): string
    {
        return "cc1:{$this->name}:c:" . self::hash($clientID);
    }

    /** A number, 0 at least, in base 36. base_convert() is not exact above 2^53. */
    public static function base36(int $n): string
    {
        $text = '';
        do {
            $text = self::DIGITS[$n % 36] . $text;
            $n = intdiv($n, 36);
        } while ($n > 0);
        return $text;
    }

    /** As it is where it is plain; else coded, or where that is long, hashed. */
    private static function nameOf(string $channel): string
    {
        if (preg_match(self::PLAIN, $channel) === 1) {
            return $channel;
        }
        $coded = '~' . self::base64($channel);
        return strlen($coded) <= self::MAX_NAME ? $coded : '~~' . hash('sha256', $channel);
    }

    private static function hash(string $text): string
    {
        return self::base64(substr(hash('sha256', $text, true), 0, 16));
    }

    private static function base64(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
