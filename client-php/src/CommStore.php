<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * Where one channel's messages live, and how far each client has read them.
 *
 * A store is for one channel; clients of it are told apart by their client id.
 * All methods throw a CommException where they can't do what they say: they
 * never wait without end and never return an empty answer for a failed one.
 */
interface CommStore
{
    /**
     * Puts a message at the end of the channel, for all clients, and returns
     * its id once the store has it. $msg is a string of UTF-8 or any other
     * value that JSON can carry.
     *
     * @throws MessageRefused   if $msg can't be carried
     * @throws StoreUnavailable
     */
    public function addMsg(mixed $msg): string;

    /**
     * Takes a message out of the channel, so that clients which have not read
     * it never will. An unknown id is no error.
     *
     * @throws StoreUnavailable
     */
    public function delMsg(int|string $id): void;

    /**
     * The messages that are new to a client since it last asked, oldest first,
     * by id; its own are among them. Returning them marks them as read. The
     * first call of a client marks where it joins and returns nothing.
     *
     * What a call that threw would have returned comes with the next one.
     *
     * @return array<int|string, mixed> objects are associative arrays; an id
     *                                  that is a decimal number is an int
     *
     * @throws StoreUnavailable
     */
    public function getMessages(int|string $clientID): array;

    /**
     * Forgets how far a client has read: it may join anew as if never seen.
     * Clients that live for one request only should be removed at its end.
     *
     * @throws StoreUnavailable
     */
    public function removeClient(int|string $clientID): void;
}

if (!interface_exists('CommStore', false)) {
    class_alias(CommStore::class, 'CommStore');
}
