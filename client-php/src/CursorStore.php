<?php

declare(strict_types=1);

namespace CommChannel;

/** A store that can tell a place in its channel, for somebody else to go on from there. */
interface CursorStore extends CommStore
{
    /**
     * The place behind the last message that getMessages() has read for a
     * client; without a client, or for one that has not read yet, the
     * channel's end. It is what a browser hands to the gateway as "since".
     *
     * @throws StoreUnavailable
     */
    public function cursor(int|string|null $clientID = null): string;
}
