<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\StoreUnavailable;

/**
 * The lock that everybody who writes to a channel holds meanwhile: an item
 * that only one can add, and that goes by itself if its holder dies.
 *
 * It has no owner: whoever deletes it too late deletes the next holder's.
 *
 * @internal
 */
final class Lock
{
    /** Seconds after which memcached frees the lock of a holder that died. */
    private const TTL = 5;

    /** Seconds for which a holder may trust its lock; fewer, as memcached's clock ticks once a second. */
    private const GOOD = 4.0;

    /** When the lock held now was asked for. */
    private float $since = 0.0;

    /** @param \Closure(): float $now seconds on a clock that never goes back */
    public function __construct(private Link $link, private string $key, private \Closure $now)
    {
    }

    /**
     * Waits for the lock until $deadline.
     *
     * @throws StoreUnavailable
     */
    public function acquire(float $deadline): void
    {
        $pause = 100; // microseconds
        for (;;) {
            $this->since = ($this->now)();
            if ($this->link->add($this->key, 1, self::TTL)) {
                return;
            }
            if (($this->now)() >= $deadline) {
                throw new StoreUnavailable("{$this->key} was not free in time");
            }
            usleep(random_int(intdiv($pause, 2), $pause));
            $pause = min(2 * $pause, 2000);
        }
    }

    /** Whether the lock can't have passed to somebody else yet. */
    public function isGood(): bool
    {
        return ($this->now)() - $this->since < self::GOOD;
    }

    /** Frees the lock if it is surely one's own; else memcached does, or somebody else holds it. */
    public function release(): void
    {
        if (!$this->isGood()) {
            return;
        }
        try {
            $this->link->delete($this->key);
        } catch (StoreUnavailable) {
            // What was to be done under the lock is done; memcached frees it.
        }
    }
}
