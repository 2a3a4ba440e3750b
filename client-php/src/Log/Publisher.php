<?php

declare(strict_types=1);

namespace CommChannel\Log;

use CommChannel\ChannelUnreadable;
use CommChannel\MessageTooLarge;
use CommChannel\Net\Deadline;
use CommChannel\StoreUnavailable;

/**
 * Publishes one message: takes a number, claims it for the message's id, and
 * puts the message there.
 *
 * A claim names the one number under which the id may be. Whoever wants to
 * publish the id puts the message there, be the claim his own, a gateway's, or
 * that of a process that has ended. Only where that number holds something else
 * for good, the claim moves on to another number, by cas. So there is one
 * message at the end, whoever tries, and however often.
 *
 * @internal
 */
final class Publisher
{
    /** For how long an id is known, in seconds: two minutes, and what memcached may end a life early. */
    private const CLAIM_TTL = 125;

    /** For how long a number may be used after it was given out, in seconds. */
    private const MAX_STALL = 30.0;

    /** How often a message looks for a place. */
    private const TRIES = 20;

    /** The number that was given out to this message and is not written yet. */
    private ?Place $own = null;

    /** Until when it may be used. */
    private Deadline $usable;

    /** Where the message is. */
    private ?Place $published = null;

    /** @param int $history seconds for which the message is kept */
    public function __construct(
        private Channel $channel,
        private Deadline $call,
        private int $history,
        private string $id,
        private string $text,
    ) {
    }

    /**
     * Where the message is, by this call or an earlier one.
     *
     * @throws StoreUnavailable
     * @throws ChannelUnreadable
     * @throws MessageTooLarge
     */
    public function publish(): Place
    {
        try {
            $own = $this->number();
            if ($this->claim($own) && !$this->usable->passed()) {
                $this->put($own);
            }
            for ($try = 1; $this->published === null && $try <= self::TRIES; $try++) {
                $this->resolve();
            }
        } catch (MessageTooLarge $e) {
            $this->giveBack();
            throw $e;
        }
        if ($this->published === null) {
            throw new StoreUnavailable("no place was found for the message {$this->id}");
        }
        $this->giveBack();
        return $this->published;
    }

    /** The number given out to this message: another one, if that is written or too old. */
    private function number(): Place
    {
        if ($this->own === null || $this->usable->passed()) {
            $this->usable = Deadline::in(self::MAX_STALL);
            $this->own = null;
            $this->own = $this->channel->allot($this->call);
        }
        return $this->own;
    }

    /** Claims a number for the id; whether that had no claim before. */
    private function claim(Place $at): bool
    {
        $claim = Op::add($this->channel->key->claim($this->id), 0, self::CLAIM_TTL, $at->cursor());
        $this->channel->must($this->call, $claim);
        return $claim->is(Outcome::Done);
    }

    /**
     * Puts the message into a slot, if nothing is there. A message that came
     * when its epoch had ended is taken back: readers of the new one would never
     * see it. One who has seen it in between sees it again, behind a gap.
     */
    private function put(Place $at): void
    {
        $value = Slot::encode($at->epoch, $this->id, $this->text);
        $slot = Op::add($this->channel->key->slot($at->n), Slot::FLAGS_MESSAGE, $this->history, $value);
        $head = Op::gets($this->channel->key->head());
        $this->channel->run($this->call, $slot, $head);
        if ($slot->is(Outcome::TooLarge)) {
            throw new MessageTooLarge('memcached has no items of this size: ' . $slot->words);
        }
        if ($slot->is(Outcome::Refused)) {
            throw new StoreUnavailable('memcached answered: ' . $slot->words);
        }
        $this->use($at);
        if (!$slot->is(Outcome::Done)) {
            return;
        }
        if ($this->channel->isOf($at->epoch, $head->items[0])) {
            $this->published = $at;
        } else {
            $this->channel->must($this->call, $this->channel->takenBack($at->n));
        }
    }

    /** One try where the way is not straight: the id is claimed already, or its number was closed. */
    private function resolve(): void
    {
        $get = Op::gets($this->channel->key->claim($this->id), $this->channel->key->head());
        $this->channel->run($this->call, $get);
        [$claim, $head] = $get->items;
        if ($claim === null) {
            $this->claim($this->number()); // and look who has won
            return;
        }
        $at = Place::parse($claim->value);
        if ($at !== null && $this->enter($at, $this->channel->isOf($at->epoch, $head))) {
            return;
        }
        $own = $this->number();
        $move = Op::cas($this->channel->key->claim($this->id), self::CLAIM_TTL, $own->cursor(), $claim->cas);
        $this->channel->must($this->call, $move);
    }

    /**
     * Looks whether the message is at the place that its id is claimed for,
     * after putting it there if the place is current. False if it is not there
     * and never will be.
     */
    private function enter(Place $at, bool $current): bool
    {
        if ($current && !($at->is($this->own) && $this->usable->passed())) {
            $this->put($at);
            if ($this->published !== null) {
                return true;
            }
        } else {
            // Whoever claimed it must not use it any more.
            $this->channel->must($this->call, $this->channel->tombstone($at->n));
        }
        $this->use($at);
        [$slot] = $this->channel->slots($this->call, [$at->n]);
        if ($slot->kind === SlotKind::Message && $slot->id === $this->id) {
            $this->published = new Place($slot->epoch, $at->n);
            return true;
        }
        return $slot->kind === SlotKind::Missing; // it has ended just now
    }

    /** Notes that a slot is written, if it is our own. */
    private function use(Place $at): void
    {
        if ($at->is($this->own)) {
            $this->own = null;
        }
    }

    /**
     * Closes a number that there is no use for: without that, readers would
     * wait for it and tell of a gap. Should it fail, they just do.
     */
    private function giveBack(): void
    {
        if ($this->own === null) {
            return;
        }
        try {
            $void = Op::add($this->channel->key->slot($this->own->n), Slot::FLAGS_VOID, $this->history, Slot::VOID);
            $this->channel->run($this->call, $void);
        } catch (StoreUnavailable) {
        }
    }
}
