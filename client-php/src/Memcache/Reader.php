<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

/**
 * What a store remembers of one client. Memcached has a cursor of it as well;
 * but the entry that it names may have been taken out by the old library, and
 * the whole channel may have lapsed.
 *
 * @internal
 */
final class Reader
{
    /**
     * The ids in the channel when the client last read it; null before.
     *
     * @var array<int|string, mixed>|null
     */
    private ?array $seen = null;

    /**
     * Messages that are still to be returned: a call may have thrown.
     *
     * @var array<int|string, mixed>
     */
    private array $pending = [];

    /** @var array{int|string, mixed}|null the last message's id and value, if there was one */
    private ?array $last = null;

    public function __construct(public readonly string $client)
    {
    }

    /**
     * Looks for what is new. A document may be shown again: if a connection
     * breaks, the cursor may have moved or not, so messages are added up by id.
     */
    public function read(Document $doc): void
    {
        $this->pending += $this->unread($doc);
    }

    /** The client's cursor in memcached is at the end of this document. */
    public function isAtEnd(Document $doc): void
    {
        $this->seen = array_flip($doc->ids());
        $this->last = $doc->lastMessage();
    }

    /** @return array<int|string, mixed> what is to be returned, once */
    public function take(): array
    {
        [$new, $this->pending] = [$this->pending, []];
        return $new;
    }

    public function hasRead(): bool
    {
        return $this->seen !== null;
    }

    /** @return array{int|string, mixed}|null the id and value of the last message there was */
    public function last(): ?array
    {
        return $this->last;
    }

    /** @return array<int|string, mixed> */
    private function unread(Document $doc): array
    {
        if (!$doc->hasClient($this->client)) {
            return $this->seen === null ? [] : $doc->without($this->seen);
        }
        return $doc->after($this->client)
            ?? ($this->seen === null ? $doc->laterThanCursor($this->client) : $doc->without($this->seen));
    }
}
