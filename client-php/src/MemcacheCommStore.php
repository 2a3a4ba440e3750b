<?php

declare(strict_types=1);

namespace CommChannel;

use CommChannel\Memcache\Document;
use CommChannel\Memcache\Link;
use CommChannel\Memcache\Lock;

/**
 * A channel in memcached, shared with every process that uses the old library
 * and with the gateway.
 *
 * The whole channel is one item, which lives for 30 seconds after the last
 * write. Whoever writes holds the channel's lock, another item, meanwhile.
 */
class MemcacheCommStore implements CommStore
{
    /** Seconds that a channel lives after it was last written. */
    private const TTL = 30;

    /** Above this many bytes of JSON, messages that nobody needs to keep any longer are taken out. */
    private const PURGE_AT = 256 * 1024;

    /**
     * Most bytes of JSON. memcached's own bound is 1 MiB by default; a value
     * above it would not be stored, and with `set` the channel would be gone.
     */
    private const MAX_DOCUMENT = 900 * 1024;

    private Link $link;
    private string $key;
    private Lock $lock;

    /**
     * The ids in the channel when a client last read it, by client.
     *
     * @var array<string, array<int|string, mixed>>
     */
    private array $seen = [];

    /**
     * Messages that were to be returned by a call that threw, by client.
     *
     * @var array<string, array<int|string, mixed>>
     */
    private array $pending = [];

    /**
     * Connects on first use.
     *
     * @param string $channelID 1 to 237 bytes, not beginning with "lock_". To
     *                          memcached, spaces and control bytes are "_"
     * @param float  $lockWait  seconds to wait for others who write to the channel;
     *                          the lock of a process that died goes after 5
     */
    public function __construct(
        string $host,
        int|string $port,
        int|string $channelID,
        private float $lockWait = 6.0,
    ) {
        // What the extension does to keys, done here so that the name is known.
        $name = (string) preg_replace('/[\x00-\x20]/', '_', (string) $channelID);
        if ($name === '' || strlen($name) > 237 || str_starts_with($name, 'lock_')) {
            throw new \InvalidArgumentException(
                'a channel id has 1 to 237 bytes and does not begin with "lock_", got "' . $channelID . '"'
            );
        }
        $this->link = new Link($host, (int) $port);
        $this->key = 'channel_' . $name;
        $this->lock = new Lock($this->link, 'channel_lock_' . $name, $this->now(...));
    }

    public function addMsg(mixed $msg): string
    {
        $json = Json::encode($msg);
        if (strlen($json) > self::MAX_DOCUMENT) {
            throw new MessageTooLarge(sprintf(
                'a message of %d bytes of JSON, the most is %d',
                strlen($json),
                self::MAX_DOCUMENT
            ));
        }
        $value = json_decode($json);
        if (json_last_error() !== JSON_ERROR_NONE) {
            throw new MessageRefused('nobody could read this: ' . json_last_error_msg());
        }
        $id = MessageID::make();
        $this->update(static function (Document $doc) use ($id, $value): bool {
            $doc->add($id, $value);
            return true;
        }, self::MAX_DOCUMENT);
        return $id;
    }

    public function delMsg(int|string $id): void
    {
        $this->update(static function (Document $doc) use ($id): bool {
            $found = $doc->has($id);
            $doc->remove([$id => true]);
            return $found;
        });
    }

    public function getMessages(int|string $clientID): array
    {
        $client = $this->checkClient($clientID);
        $doc = $this->parse($this->link->get($this->key));
        if ($doc->isAtEnd($client)) {
            $this->seen[$client] ??= array_flip($doc->ids());
        } else {
            $this->readToEnd($client);
        }
        $new = $this->pending[$client] ?? [];
        unset($this->pending[$client]);
        return array_map(self::plain(...), $new);
    }

    public function removeClient(int|string $clientID): void
    {
        $client = $this->checkClient($clientID);
        unset($this->seen[$client], $this->pending[$client]);
        $this->update(static function (Document $doc) use ($client): bool {
            $found = $doc->hasClient($client);
            $doc->removeClient($client);
            return $found;
        });
    }

    /**
     * Makes one change to the channel, alone: $change gets the document as it
     * is and tells whether to write it back. It may be called several times,
     * each time with a fresh document. More than $most bytes are not written.
     *
     * @param callable(Document): bool $change
     *
     * @throws CommException
     */
    protected function update(callable $change, int $most = PHP_INT_MAX): void
    {
        $deadline = $this->now() + $this->lockWait;
        do {
            $this->lock->acquire($deadline);
            $reachable = true;
            try {
                $done = $this->attempt($change, $most);
            } catch (StoreUnavailable $e) {
                $reachable = false;
                throw $e;
            } finally {
                if ($reachable) {
                    $this->lock->release();
                }
            }
        } while (!$done && $this->now() < $deadline);
        if (!$done) {
            throw new StoreUnavailable("{$this->key} could not be written within {$this->lockWait} seconds");
        }
    }

    /** Seconds on a clock that never goes back. */
    protected function now(): float
    {
        return hrtime(true) / 1e9;
    }

    /** Moves the client's cursor to the end and leaves what it passed in $pending. */
    private function readToEnd(string $client): void
    {
        $ids = [];
        $this->update(function (Document $doc) use ($client, &$ids): bool {
            // If the connection breaks, the cursor may have moved or not, and
            // the next try finds nothing new: so they are added up, by id.
            $this->pending[$client] = ($this->pending[$client] ?? []) + $this->unread($doc, $client);
            $doc->moveToEnd($client);
            $ids = $doc->ids();
            return true;
        });
        $this->seen[$client] = array_flip($ids);
    }

    /**
     * What is new to a client. Its cursor tells; but the entry it names may
     * have been taken out by the old library, and the whole channel may have
     * lapsed. Then what this process remembers does, or else the ids' times.
     *
     * @return array<int|string, mixed>
     */
    private function unread(Document $doc, string $client): array
    {
        $seen = $this->seen[$client] ?? null;
        if (!$doc->hasClient($client)) {
            return $seen === null ? [] : $doc->without($seen);
        }
        return $doc->after($client) ?? ($seen === null ? $doc->laterThanCursor($client) : $doc->without($seen));
    }

    /** One read, change and write under the lock; false if it has to be done again. */
    private function attempt(callable $change, int $most): bool
    {
        $item = $this->link->get($this->key);
        $doc = $this->parse($item);
        if (!$change($doc)) {
            return true;
        }
        $text = $this->fit($doc, $most);
        if (!$this->lock->isGood()) {
            return false;
        }
        // Never `set`: cas finds out if somebody wrote in spite of the lock,
        // and leaves the channel as it was if memcached refuses the value.
        return $item === null
            ? $this->link->add($this->key, $text, self::TTL)
            : $this->link->cas($this->key, $text, self::TTL, $item[1]);
    }

    /**
     * @param array{mixed, int}|null $item
     *
     * @throws ChannelUnreadable
     */
    private function parse(?array $item): Document
    {
        // The old library stores false when it fails to encode a channel.
        if ($item === null || $item[0] === false) {
            return Document::empty();
        }
        if (!is_string($item[0])) {
            throw new ChannelUnreadable("{$this->key} holds no text, but a " . get_debug_type($item[0]));
        }
        return Document::parse($item[0]);
    }

    /** The document's text, after making room if it is large. */
    private function fit(Document $doc, int $most): string
    {
        $text = $doc->text();
        if (strlen($text) > self::PURGE_AT) {
            $doc->purge((int) ((microtime(true) - self::TTL) * 1e6));
            $text = $doc->text();
        }
        if (strlen($text) > $most) {
            throw new MessageTooLarge(sprintf(
                '%s is full: %d bytes, the most is %d; messages are kept for %d seconds',
                $this->key,
                strlen($text),
                $most,
                self::TTL
            ));
        }
        return $text;
    }

    private function checkClient(int|string $clientID): string
    {
        $client = (string) $clientID;
        if ($client === '' || preg_match('//u', $client) !== 1) {
            throw new \InvalidArgumentException('a client id is UTF-8 text and not empty');
        }
        return $client;
    }

    /** Objects as associative arrays. */
    private static function plain(mixed $value): mixed
    {
        return is_object($value) || is_array($value) ? json_decode(Json::encode($value), true) : $value;
    }
}

if (!class_exists('MemcacheCommStore', false)) {
    class_alias(MemcacheCommStore::class, 'MemcacheCommStore');
}
