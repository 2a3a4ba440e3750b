<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\ChannelUnreadable;
use CommChannel\MessageTooLarge;
use CommChannel\StoreUnavailable;

/**
 * One memcached server. What a link writes lies there as the `memcache`
 * extension writes it (see Value), for that is what everybody else reads.
 *
 * Nothing waits for longer than a few seconds. Where a connection broke after
 * a write was sent, and was made anew, "false" may also mean that the write
 * was carried out: look again.
 *
 * @internal
 */
interface Link
{
    /**
     * The value at a key and the token that cas() wants, or null if there is
     * none. The boolean false is a value, too.
     *
     * @return array{mixed, int}|null
     *
     * @throws StoreUnavailable
     * @throws ChannelUnreadable for a value that only looks like one
     */
    public function get(string $key): ?array;

    /**
     * Stores a value unless the key is taken; then it returns false. A text is
     * compressed if that pays.
     *
     * @param int $ttl in seconds
     *
     * @throws StoreUnavailable
     * @throws MessageTooLarge
     */
    public function add(string $key, int|string $value, int $ttl): bool;

    /**
     * Stores a text unless the key was written since $cas was read; then it
     * returns false, and the key is as it was.
     *
     * @param int $ttl in seconds
     *
     * @throws StoreUnavailable
     * @throws MessageTooLarge
     */
    public function cas(string $key, string $value, int $ttl, int $cas): bool;

    /**
     * An unknown key is no error.
     *
     * @throws StoreUnavailable
     */
    public function delete(string $key): void;
}
