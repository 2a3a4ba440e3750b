<?php

declare(strict_types=1);

namespace CommChannel\Log;

use CommChannel\Net\Deadline;
use CommChannel\StoreUnavailable;

/**
 * Finds the oldest message of the head's epoch that is still kept.
 *
 * @internal
 */
final class Oldest
{
    /** How many numbers back it is looked for. */
    private const MAX_BACK = 1 << 23;

    /**
     * At how many numbers is looked at once, and how many slots at each: so a
     * single one that is missing leads nobody astray.
     */
    private const PROBES = 24;
    private const PROBE_WIDTH = 4;

    public function __construct(private Channel $channel, private Deadline $call, private Place $head)
    {
    }

    /**
     * The number of the first message from $low on behind which no window is
     * empty; null if there is none.
     *
     * @throws StoreUnavailable
     */
    public function from(int $low): ?int
    {
        $low = max($low, $this->back(self::MAX_BACK));
        $n = $this->firstIn($this->back(Reader::MAX_FETCH - 1), $this->head->n, $low);
        $far = $this->farthest($low);
        $n = $n === null || $far === null ? $n ?? $far : min($n, $far);
        if ($n === null) {
            return null;
        }
        // What is left are the last steps.
        while ($n > $low && ($first = $this->firstIn($n - Reader::WINDOW, $n - 1, $low)) !== null) {
            $n = $first;
        }
        $first = $this->head->base() + 1;
        // Where the epoch is young, those at its beginning may be on their way.
        return $first < $n && $n - $first < Reader::WINDOW ? max($first, $low) : $n;
    }

    /**
     * Searches back from the head, roughly: in steps that double, and then
     * between the last that hit and the first that missed.
     */
    private function farthest(int $low): ?int
    {
        $distances = [];
        for ($d = Reader::MAX_FETCH; $d <= self::MAX_BACK; $d *= 2) {
            $distances[] = $d;
        }
        $n = null;
        while (($hit = $this->probe($distances, $low)) !== null) {
            $n = $this->back($distances[$hit]);
            $beyond = $distances[$hit + 1] ?? $distances[$hit];
            $between = $beyond - $distances[$hit];
            if ($between <= Reader::WINDOW) {
                break;
            }
            $distances = range($distances[$hit], $beyond, max(intdiv($between, self::PROBES), intdiv(Reader::WINDOW, 2)));
        }
        return $n;
    }

    /**
     * The index of the farthest of these distances from the head that has a message.
     *
     * @param list<int> $distances
     */
    private function probe(array $distances, int $low): ?int
    {
        $numbers = [];
        foreach ($distances as $d) {
            array_push($numbers, ...range($this->back($d), $this->back($d) + self::PROBE_WIDTH - 1));
        }
        $hits = array_chunk(array_map($this->isCurrent(...), $this->channel->slots($this->call, $numbers)), self::PROBE_WIDTH);
        for ($i = count($distances) - 1; $i >= 0; $i--) {
            if ($this->back($distances[$i]) >= $low && in_array(true, $hits[$i], true)) {
                return $i;
            }
        }
        return null;
    }

    /** The first message between two numbers, not below $low. */
    private function firstIn(int $from, int $to, int $low): ?int
    {
        $from = max($from, $low);
        if ($from > $to) {
            return null;
        }
        foreach ($this->channel->slots($this->call, range($from, $to)) as $i => $slot) {
            if ($this->isCurrent($slot)) {
                return $from + $i;
            }
        }
        return null;
    }

    private function isCurrent(Slot $slot): bool
    {
        return $slot->isMessageOf($this->head->epoch);
    }

    /** The number so far before the head's, and not below 0. */
    private function back(int $distance): int
    {
        return max(0, $this->head->n - $distance);
    }
}
