<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\ChannelUnreadable;
use CommChannel\Json;
use CommChannel\MessageID;
use CommChannel\MessageRefused;

/**
 * One channel as it lies in memcached: {"lastid":0,"messages":{id: value, ...}}.
 *
 * The order of the keys is the order of the messages. Ids that begin with "_"
 * are no messages: "_overhead_<client>" is {"lastID": X}, where X is the id of
 * the last entry that client has walked over, of whatever kind, or false if it
 * has to begin at the first. The text is byte for byte what the old library
 * writes, since json_encode has not changed.
 *
 * @internal
 */
final class Document
{
    private const CURSOR = '_overhead_';

    /** By how much the clocks of two hosts may differ, in microseconds. */
    private const CLOCK_SKEW = 1_000_000;

    /** @param array<int|string, mixed> $messages nested objects are stdClass, so that {} stays {} */
    private function __construct(private array $messages)
    {
    }

    public static function empty(): self
    {
        return new self([]);
    }

    /** @throws ChannelUnreadable */
    public static function parse(string $text): self
    {
        $data = Json::decode($text);
        $messages = is_object($data) ? $data->messages ?? null : $data['messages'] ?? null;
        if (!is_object($messages) && !is_array($messages)) {
            throw new ChannelUnreadable('what the store holds is no channel document');
        }
        // Where the ids are 0, 1, 2... PHP has written a list. Ids that are
        // decimal numbers are ints from here on, as in the old library.
        return new self((array) $messages);
    }

    /** @throws MessageRefused */
    public function text(): string
    {
        return Json::encode(['lastid' => 0, 'messages' => $this->messages]);
    }

    /** Appends a message; one that is there keeps its place. */
    public function add(string $id, mixed $value): void
    {
        $this->messages[$id] = $value;
    }

    public function has(int|string $id): bool
    {
        return array_key_exists($id, $this->messages);
    }

    /** @return list<int|string> the ids of all entries, in order */
    public function ids(): array
    {
        return array_keys($this->messages);
    }

    /** @return array{int|string, mixed}|null the first message's id and value */
    public function firstMessage(): ?array
    {
        foreach ($this->messages as $id => $value) {
            if (!self::isPrivate($id)) {
                return [$id, $value];
            }
        }
        return null;
    }

    /** @return array{int|string, mixed}|null the last message's id and value */
    public function lastMessage(): ?array
    {
        foreach (array_reverse($this->ids()) as $id) {
            if (!self::isPrivate($id)) {
                return [$id, $this->messages[$id]];
            }
        }
        return null;
    }

    /**
     * Takes entries out. Cursors at one of them move back to the entry before
     * it, for a reader whose cursor can't be found does not know where it was.
     *
     * @param array<int|string, true> $ids
     */
    public function remove(array $ids): void
    {
        $kept = [];
        $before = [];
        $last = false;
        foreach ($this->messages as $id => $value) {
            if (isset($ids[$id])) {
                $before[$id] = $last;
            } else {
                $kept[$id] = $value;
                $last = $id;
            }
        }
        foreach ($kept as $id => $value) {
            $at = $this->isCursor($id) ? self::lastID($value) : null;
            if (is_int($at) || is_string($at)) {
                $kept[$id] = isset($before[$at]) ? ['lastID' => $before[$at]] : $value;
            }
        }
        $this->messages = $kept;
    }

    public function hasClient(string $clientID): bool
    {
        return $this->has(self::CURSOR . $clientID);
    }

    public function removeClient(string $clientID): void
    {
        $this->remove([self::CURSOR . $clientID => true]);
    }

    /** Whether the client has walked over the last entry. */
    public function isAtEnd(string $clientID): bool
    {
        return $this->hasClient($clientID)
            && self::same($this->cursor($clientID), array_key_last($this->messages));
    }

    /** Puts the client's cursor at the last entry: its own record, if that is new. */
    public function moveToEnd(string $clientID): void
    {
        $key = self::CURSOR . $clientID;
        $this->messages[$key] ??= [];
        $this->messages[$key] = ['lastID' => array_key_last($this->messages)];
    }

    /**
     * The messages after the client's cursor, in order; null if the entry that
     * the cursor names is not there.
     *
     * @return array<int|string, mixed>|null
     */
    public function after(string $clientID): ?array
    {
        $cursor = $this->cursor($clientID);
        $started = $cursor === false;
        $new = [];
        foreach ($this->messages as $id => $value) {
            if (!$started) {
                $started = self::same($cursor, $id);
            } elseif (!self::isPrivate($id)) {
                $new[$id] = $value;
            }
        }
        return $started ? $new : null;
    }

    /**
     * The messages whose ids are not among $seen.
     *
     * @param array<int|string, mixed> $seen
     *
     * @return array<int|string, mixed>
     */
    public function without(array $seen): array
    {
        $unseen = static fn (int|string $id): bool => !isset($seen[$id]) && !self::isPrivate($id);
        return array_filter($this->messages, $unseen, ARRAY_FILTER_USE_KEY);
    }

    /**
     * The best guess at what is new to a client whose cursor names an entry
     * that is gone: every message but those whose ids tell that they are older.
     *
     * @return array<int|string, mixed>
     */
    public function laterThanCursor(string $clientID): array
    {
        $cursor = $this->cursor($clientID);
        $read = is_int($cursor) || is_string($cursor) ? MessageID::time($cursor) : null;
        $later = static function (int|string $id) use ($read): bool {
            $sent = MessageID::time($id);
            return !self::isPrivate($id)
                && ($read === null || $sent === null || $sent > $read - self::CLOCK_SKEW);
        };
        return array_filter($this->messages, $later, ARRAY_FILTER_USE_KEY);
    }

    /**
     * Takes out the messages that were sent before $time (microseconds since
     * 1970), and the records of clients that had not read them by now.
     */
    public function purge(int $time): void
    {
        $old = [];
        foreach (array_keys($this->messages) as $id) {
            $sent = self::isPrivate($id) ? null : MessageID::time($id);
            if ($sent !== null && $sent < $time) {
                $old[$id] = true;
            }
        }
        $this->remove($old + $this->clientsBefore(array_key_last($old)));
    }

    /** @return array<int|string, true> the records of clients whose cursor is before the entry $end */
    private function clientsBefore(int|string|null $end): array
    {
        if ($end === null) {
            return [];
        }
        $place = array_flip($this->ids());
        $before = [];
        foreach ($this->messages as $id => $value) {
            if ($this->isCursor($id)) {
                $at = self::lastID($value);
                $at = is_int($at) || is_string($at) ? $place[$at] ?? -1 : -1;
                if ($at < $place[$end]) {
                    $before[$id] = true;
                }
            }
        }
        return $before;
    }

    private function cursor(string $clientID): mixed
    {
        return self::lastID($this->messages[self::CURSOR . $clientID] ?? null);
    }

    private static function lastID(mixed $record): mixed
    {
        return ((array) $record)['lastID'] ?? null;
    }

    private function isCursor(int|string $id): bool
    {
        return is_string($id) && str_starts_with($id, self::CURSOR);
    }

    private static function isPrivate(int|string $id): bool
    {
        return is_string($id) && str_starts_with($id, '_');
    }

    /** The id 77 is a number in a cursor and a text as a key; some write it as text in both. */
    private static function same(mixed $cursor, int|string|null $id): bool
    {
        return (is_int($cursor) || is_string($cursor)) && (string) $cursor === (string) $id;
    }
}
