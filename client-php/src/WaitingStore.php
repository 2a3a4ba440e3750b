<?php

declare(strict_types=1);

namespace CommChannel;

/** A store that can wait for messages better than by asking again and again. */
interface WaitingStore extends CommStore
{
    /**
     * As getMessages(), but if there is nothing new, it waits until there is,
     * $seconds at most.
     *
     * @return array<int|string, mixed>
     *
     * @throws StoreUnavailable
     */
    public function waitForMessages(int|string $clientID, float $seconds): array;
}
