<?php

declare(strict_types=1);

namespace CommChannel;

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
}

if (!class_exists('CommChannel', false)) {
    class_alias(CommChannel::class, 'CommChannel');
}
