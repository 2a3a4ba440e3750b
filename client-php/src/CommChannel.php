<?php

declare(strict_types=1);

namespace CommChannel;

use CommChannel\Net\Deadline;

/**
 * One client's end of a channel. What one client sends, all get, the sender
 * included.
 */
class CommChannel
{
    protected CommStore $store;
    protected string $clientID;

    /** @param int|string $clientID names this client; no two that read at the same time may share one */
    public function __construct(CommStore $store, int|string $clientID)
    {
        $this->store = $store;
        $this->clientID = (string) $clientID;
    }

    /**
     * Sends a message, usually a string, and returns its id.
     *
     * @throws MessageRefused
     * @throws StoreUnavailable
     */
    public function send(mixed $msg): string
    {
        return $this->store->addMsg($msg);
    }

    /**
     * The messages sent since the last call, oldest first. The first call
     * joins the channel and returns none: what was there before is not new.
     *
     * @return list<mixed>
     *
     * @throws StoreUnavailable
     */
    public function getMessages(): array
    {
        return array_values($this->store->getMessages($this->clientID));
    }

    /**
     * As getMessages(), but if there is nothing new, it waits until there is,
     * $seconds at most.
     *
     * @return list<mixed>
     *
     * @throws StoreUnavailable
     */
    public function waitForMessages(float $seconds): array
    {
        return array_values($this->receive($seconds));
    }

    /**
     * The place in the channel behind what getMessages() has returned; before
     * the first call, the channel's end. A page that shows the channel as this
     * client knows it gives it to its browser, which goes on from there.
     *
     * @throws StoreUnavailable
     * @throws CommException if the store can't tell places
     */
    public function cursor(): string
    {
        if (!$this->store instanceof CursorStore) {
            throw new CommException(get_debug_type($this->store) . ' can not tell places in a channel');
        }
        return $this->store->cursor($this->clientID);
    }

    /**
     * What is new, by the store's ids, after waiting for it at most so long.
     *
     * @return array<int|string, mixed>
     */
    protected function receive(float $seconds): array
    {
        if ($this->store instanceof WaitingStore) {
            return $this->store->waitForMessages($this->clientID, $seconds);
        }
        $deadline = Deadline::in($seconds);
        $pause = 0.002;
        while (($new = $this->store->getMessages($this->clientID)) === [] && !$deadline->passed()) {
            $deadline->sleep($pause);
            $pause = min(2 * $pause, 0.1);
        }
        return $new;
    }
}

if (!class_exists('CommChannel', false)) {
    class_alias(CommChannel::class, 'CommChannel');
}
