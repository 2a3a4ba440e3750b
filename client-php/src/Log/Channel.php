<?php

declare(strict_types=1);

namespace CommChannel\Log;

use CommChannel\ChannelUnreadable;
use CommChannel\Net\Deadline;
use CommChannel\StoreUnavailable;

/**
 * A channel's head and slots. Every method that speaks to memcached throws
 * StoreUnavailable if it gets no answer by $call.
 *
 * @internal
 */
final class Channel
{
    /** For how long a head outlives the last renewal, and how often this process renews it, in seconds. */
    private const HEAD_TTL = 86400;
    private const TOUCH_EVERY = 3600.0;

    /** How often a head that vanishes is made anew. */
    private const HEAD_TRIES = 5;

    /** For how long a tombstone outlives all who might yet want to use its number, in seconds. */
    private const TOMBSTONE_TTL = 300;

    /**
     * How many slots are read before it is known how large they are, and how
     * many at once. Where they are large, each few have a time-out of their own.
     */
    private const GET_FIRST = 32;
    private const GET_MOST = 100;
    private const GET_BYTES = 1 << 20;

    private ?Deadline $touched = null;

    public function __construct(private Wire $wire, public readonly Key $key)
    {
    }

    public function run(Deadline $call, Op ...$ops): void
    {
        $this->wire->run(array_values($ops), $call);
    }

    /** As run(), for what memcached has no reason to refuse. */
    public function must(Deadline $call, Op ...$ops): void
    {
        $this->run($call, ...$ops);
        foreach ($ops as $op) {
            if ($op->is(Outcome::Refused) || $op->is(Outcome::TooLarge)) {
                throw $this->wire->refusal($op);
            }
        }
    }

    /**
     * Gives out the next number.
     *
     * @throws ChannelUnreadable
     */
    public function allot(Deadline $call): Place
    {
        for ($try = 1; $try <= self::HEAD_TRIES; $try++) {
            $incr = Op::incr($this->key->head(), 1);
            $head = Op::gets($this->key->head()); // incr alone does not tell the epoch
            $this->run($call, $incr, $head, ...$this->touches());
            if ($incr->is(Outcome::Refused)) {
                throw $this->unreadable();
            }
            if ($incr->is(Outcome::NotFound)) {
                $this->must($call, $this->newHead());
            } elseif ($head->items[0] !== null) {
                $n = $this->number($incr->number);
                $newest = $this->headOf($head->items[0]);
                // Else it is another head, an instant later: nobody will read
                // the numbers of this one for long.
                if ($newest->n >= $n && $newest->n - $n < Place::PER_EPOCH) {
                    return new Place($newest->epoch, $n);
                }
            }
        }
        throw $this->headIsLost();
    }

    /**
     * The head, and the slots of further numbers in the same exchange, behind
     * it. Where there is no head, it makes one: only then has the channel an
     * end from which to read on.
     *
     * @param list<int> $numbers
     *
     * @return array{Place, list<Slot>}
     *
     * @throws ChannelUnreadable
     */
    public function look(Deadline $call, array $numbers = []): array
    {
        for ($try = 1; $try <= self::HEAD_TRIES; $try++) {
            $get = Op::gets($this->key->head(), ...array_map($this->key->slot(...), $numbers));
            $this->run($call, $get, ...$this->touches());
            if ($get->items[0] !== null) {
                return [$this->headOf($get->items[0]), array_map(Slot::of(...), array_slice($get->items, 1))];
            }
            $this->must($call, $this->newHead());
        }
        throw $this->headIsLost();
    }

    /**
     * The slots of these numbers, in their order.
     *
     * @param list<int> $numbers
     *
     * @return list<Slot>
     */
    public function slots(Deadline $call, array $numbers): array
    {
        $slots = [];
        for ($most = self::GET_FIRST; $numbers !== []; $most = $size > self::GET_BYTES ? intdiv(self::GET_FIRST, 2) : self::GET_MOST) {
            $get = Op::gets(...array_map($this->key->slot(...), array_splice($numbers, 0, $most)));
            $this->run($call, $get);
            $size = 0;
            foreach ($get->items as $item) {
                $slots[] = Slot::of($item);
                $size += strlen($item->value ?? '');
            }
        }
        return $slots;
    }

    /** Whether a head, as gets has read it, is of an epoch. */
    public function isOf(int $epoch, ?Item $head): bool
    {
        return $head !== null && $head->flags === $epoch;
    }

    /** Closes a number, if nothing is there. */
    public function tombstone(int $n): Op
    {
        return Op::add($this->key->slot($n), Slot::FLAGS_TOMBSTONE, self::TOMBSTONE_TTL, Slot::TOMBSTONE);
    }

    /** Closes a number, whatever is there. */
    public function takenBack(int $n): Op
    {
        return Op::set($this->key->slot($n), Slot::FLAGS_TOMBSTONE, self::TOMBSTONE_TTL, Slot::TOMBSTONE);
    }

    /**
     * Begins an epoch, unless another has begun one. Its numbers are above
     * those of the epochs before, as long as clocks go right.
     */
    private function newHead(): Op
    {
        $first = Place::first((int) (microtime(true) * 1000));
        return Op::add($this->key->head(), random_int(1, 0xffffffff), self::HEAD_TTL, (string) $first);
    }

    /** @return list<Op> what renews the head's life, when it is time */
    private function touches(): array
    {
        if ($this->touched?->passed() === false) {
            return [];
        }
        $this->touched = Deadline::in(self::TOUCH_EVERY);
        return [Op::touch($this->key->head(), self::HEAD_TTL)];
    }

    private function headOf(Item $item): Place
    {
        return new Place($item->flags, $this->number($item->value));
    }

    private function number(string $digits): int
    {
        // Above 2^63 this makes a float.
        return preg_match('/^\d{1,20}$/D', $digits) === 1 && $digits + 0 <= Place::MAX_N ? (int) $digits : throw $this->unreadable();
    }

    private function unreadable(): ChannelUnreadable
    {
        return new ChannelUnreadable("{$this->key->head()} holds no number that can be counted on");
    }

    private function headIsLost(): StoreUnavailable
    {
        return new StoreUnavailable("{$this->key->head()} is lost again and again");
    }
}
