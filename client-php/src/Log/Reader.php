<?php

declare(strict_types=1);

namespace CommChannel\Log;

use CommChannel\ChannelUnreadable;
use CommChannel\Net\Deadline;
use CommChannel\StoreUnavailable;

/**
 * Reads one page. No number is passed that is neither read nor closed: one that
 * was given out and is not there is waited for, for the grace time, and then
 * closed by a tombstone. So all readers see one order.
 *
 * @internal
 */
final class Reader
{
    /** How many numbers in a row must be missing for what is kept to end there. */
    public const WINDOW = 64;

    /** Most messages of a page, and bytes of them after which it takes no more. */
    private const LIMIT = 200;
    private const LIMIT_BYTES = 4 << 20;

    /** How many slots are read with the head at once, in the hope that there is no more. */
    private const AHEAD = 16;

    /** Most slots that are read in one go, and how many where messages are large. */
    public const MAX_FETCH = 100;
    private const FETCH_LARGE = 8;
    private const LARGE = 16 << 10; // bytes of a message, on an average

    /** How often a slot is looked at while it is waited for, in seconds. */
    private const WAIT_STEP = 0.001;

    private Place $head;
    private int $epoch = 0; // that is read
    private int $next = 0;  // the next number
    private int $last = 0;

    /** @var list<Slot> of the numbers from $next on, not yet used */
    private array $got = [];

    private bool $cut = false; // the page ends here, before a gap
    private Page $page;

    /** @param float $grace seconds to wait for a message that was given a number */
    public function __construct(private Channel $channel, private Deadline $call, private float $grace)
    {
        $this->page = new Page();
    }

    /**
     * @throws StoreUnavailable
     * @throws ChannelUnreadable
     */
    public function read(string $cursor): Page
    {
        $at = Place::parse($cursor);
        $ahead = $at === null ? [] : range($at->n + 1, $at->n + self::AHEAD);
        [$this->head, $this->got] = $this->channel->look($this->call, $ahead);
        if ($at === null) {
            $this->leap(0); // it is of another store
        } elseif ($at->epoch !== $this->head->epoch) {
            $this->drain($at);
        } elseif ($at->n > $this->head->n) {
            $this->leap(0); // nobody can have seen that
        } else {
            [$this->epoch, $this->next, $this->last] = [$at->epoch, $at->n + 1, $this->head->n];
        }
        $this->fill();
        $end = end($this->page->messages);
        $this->page->cursor = $end === false ? (new Place($this->epoch, $this->next - 1))->cursor() : $end->cursor;
        $this->page->more = $this->page->more || $this->cut || $this->next <= $this->last;
        return $this->page;
    }

    /** Takes messages from $next on, up to $last. */
    private function fill(): void
    {
        while (!$this->isFull() && $this->next <= $this->last) {
            if ($this->got === []) {
                $isLarge = $this->page->size > self::LARGE * count($this->page->messages);
                $this->got = $this->ahead($isLarge ? self::FETCH_LARGE : self::MAX_FETCH);
            }
            $slot = $this->got[0];
            match (true) {
                $slot->kind === SlotKind::Missing => $this->await(),
                $slot->kind === SlotKind::Void => $this->pass(),
                $slot->isMessageOf($this->epoch) => $this->take($slot),
                // A message of another epoch does not belong here, and what does is not known.
                default => $this->passLost(),
            };
        }
    }

    private function isFull(): bool
    {
        return $this->cut || count($this->page->messages) >= self::LIMIT || $this->page->size > self::LIMIT_BYTES;
    }

    private function take(Slot $slot): void
    {
        $this->page->size += strlen($slot->text);
        $this->page->messages[] = new Message($slot->id, $slot->text, (new Place($this->epoch, $this->next))->cursor());
        $this->pass();
    }

    private function pass(): void
    {
        $this->next++;
        array_shift($this->got);
    }

    /** Passes a number that may have been a message. A gap stands at the beginning of a page, or not at all. */
    private function passLost(): void
    {
        if ($this->page->messages !== []) {
            $this->cut = true;
            return;
        }
        $this->page->gap = true;
        $this->pass();
    }

    /**
     * Waits for the slot at $next, for the grace time. Then it closes it, and
     * with it those behind it that were missing for as long.
     */
    private function await(): void
    {
        if ($this->missing() === count($this->got)) { // more may be
            $this->got = $this->ahead(self::WINDOW);
        }
        $count = $this->missing();
        if ($this->comes()) {
            return;
        }
        $this->got = $this->ahead(self::WINDOW);
        $count = min($count, $this->missing());
        if ($count < self::WINDOW) {
            $this->close($count);
        } elseif ($this->page->messages !== []) {
            $this->cut = true; // the next page leaps
        } else {
            $this->leap($this->next + self::WINDOW);
        }
    }

    /** @return list<Slot> those from $next on, at most $most and up to $last */
    private function ahead(int $most): array
    {
        return $this->channel->slots($this->call, range($this->next, min($this->last, $this->next + $most - 1)));
    }

    /** How many are missing from $next on, of those got. */
    private function missing(): int
    {
        foreach ($this->got as $i => $slot) {
            if ($slot->kind !== SlotKind::Missing) {
                return $i;
            }
        }
        return count($this->got);
    }

    /** Reads the slot at $next again and again, until it is there or the grace time is over. */
    private function comes(): bool
    {
        $deadline = Deadline::in($this->grace);
        while (!$deadline->passed()) {
            $this->got = $this->ahead(1);
            if ($this->got[0]->kind !== SlotKind::Missing) {
                return true;
            }
            $deadline->sleep(self::WAIT_STEP);
        }
        return false;
    }

    /**
     * Puts tombstones into so many slots from $next on, where they are missing,
     * and forgets what was read of them: a message may have come first.
     */
    private function close(int $count): void
    {
        $tombstones = [];
        for ($i = 0; $i < $count; $i++) {
            $tombstones[] = $this->channel->tombstone($this->next + $i);
        }
        $this->got = [];
        $this->channel->must($this->call, ...$tombstones);
    }

    /**
     * Tells of a gap and goes on at the oldest message from $low on, in the
     * head's epoch. Where there is none, some may be on their way.
     */
    private function leap(int $low): void
    {
        $this->page->gap = true;
        $oldest = (new Oldest($this->channel, $this->call, $this->head))->from($low);
        $this->epoch = $this->head->epoch;
        $this->next = $oldest ?? max($low, $this->head->base() + 1, $this->head->n + 1 - self::WINDOW);
        $this->last = $this->head->n;
        $this->got = [];
    }

    /**
     * Reads what is left of an epoch that has ended, behind a place in it. When
     * nothing is, it goes to the new epoch. What comes to the old numbers from
     * now on is taken back by its publisher, so there is nothing to wait for.
     */
    private function drain(Place $after): void
    {
        if ($after->n + self::WINDOW > $this->head->base() && $after->n < $this->head->n + Place::PER_EPOCH) {
            $this->leap(0); // it is among the new numbers: a place in another channel
            return;
        }
        $slots = $this->channel->slots($this->call, range($after->n + 1, $after->n + self::WINDOW));
        $newest = null;
        foreach ($slots as $i => $slot) {
            $newest = $slot->isMessageOf($after->epoch) ? $i : $newest;
        }
        if ($newest === null) {
            $this->leap(0);
            return;
        }
        [$this->epoch, $this->next, $this->got] = [$after->epoch, $after->n + 1, $slots];
        $this->last = $this->next + $newest;
        $this->page->more = true;
    }
}
