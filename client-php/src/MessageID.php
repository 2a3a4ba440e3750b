<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * Ids of messages.
 *
 * The old library used uniqid(), microseconds and nothing else: two processes
 * that sent in the same microsecond overwrote each other's message.
 *
 * @internal
 */
final class MessageID
{
    /**
     * A new id, unique across processes and hosts: "g", the microseconds since
     * 1970 in hexadecimal, "-" and 48 random bits. It never begins with "_"
     * and is never a decimal number, which both mean something else in a
     * channel's document.
     */
    public static function make(): string
    {
        return sprintf('g%x-%s', (int) (microtime(true) * 1e6), bin2hex(random_bytes(6)));
    }

    /**
     * The microseconds since 1970 at which an id was made, by the clock of the
     * host that made it; null for ids that do not tell. Knows ids of make(),
     * which are those of the gateway too, and of uniqid().
     */
    public static function time(int|string $id): ?int
    {
        $id = (string) $id;
        if (preg_match('/^g([0-9a-f]{1,15})-/', $id, $m)) {
            return (int) hexdec($m[1]);
        }
        if (preg_match('/^([0-9a-f]{8})([0-9a-f]{5})$/', $id, $m) && hexdec($m[2]) < 1e6) {
            return (int) (hexdec($m[1]) * 1000000 + hexdec($m[2]));
        }
        return null;
    }
}
