<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\StoreUnavailable;

/**
 * Tells one life of memcached's contents from the next: a random mark that all
 * gateways keep there goes with everything else at a restart or a flush.
 *
 * @internal
 */
final class Life
{
    private const KEY = 'commchannel_life';

    /** Seconds, as with the gateways: for how long the mark outlasts the last of them. */
    private const TTL = 120;

    /**
     * The mark; where there is none, a new life begins.
     *
     * @throws StoreUnavailable
     */
    public static function of(Link $link): string
    {
        for ($try = 0; $try < 3; $try++) {
            $item = $link->get(self::KEY);
            if (is_string($item[0] ?? null)) {
                return $item[0];
            }
            $link->add(self::KEY, base64_encode(random_bytes(18)), self::TTL);
        }
        throw new StoreUnavailable('memcached does not keep what is stored');
    }
}
