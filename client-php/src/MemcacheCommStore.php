<?php

declare(strict_types=1);

namespace CommChannel;

use CommChannel\Memcache\Access;
use CommChannel\Memcache\Cursor;
use CommChannel\Memcache\Document;
use CommChannel\Memcache\Life;
use CommChannel\Memcache\Link;
use CommChannel\Memcache\Lock;
use CommChannel\Memcache\Reader;

/**
 * A channel in memcached, shared with every process that uses the old library
 * and with the gateway.
 *
 * The whole channel is one item, which lives for 30 seconds after the last
 * write. Whoever writes holds the channel's lock, another item, meanwhile.
 */
class MemcacheCommStore implements CursorStore
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

    /** @var array<string, Reader> by client */
    private array $readers = [];

    /**
     * Connects on first use.
     *
     * @param string $channelID 1 to 237 bytes, not beginning with "lock_". To
     *                          memcached, spaces and control bytes are "_"
     * @param float  $lockWait  seconds to wait for others who write to the channel;
     *                          the lock of a process that died goes after 5
     * @param Access|null $access how to speak to memcached: by the extension `memcache`
     *                          if that is loaded, unless told otherwise
     */
    public function __construct(
        string $host,
        int|string $port,
        int|string $channelID,
        private float $lockWait = 6.0,
        ?Access $access = null,
    ) {
        // What the extension does to keys, done here so that the name is known.
        $name = (string) preg_replace('/[\x00-\x20]/', '_', (string) $channelID);
        if ($name === '' || strlen($name) > 237 || str_starts_with($name, 'lock_')) {
            throw new \InvalidArgumentException(
                'a channel id has 1 to 237 bytes and does not begin with "lock_", got "' . $channelID . '"'
            );
        }
        $this->link = ($access ?? Access::best())->open($host, (int) $port);
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
        $reader = $this->reader($clientID);
        $doc = $this->look();
        if ($doc->isAtEnd($reader->client)) {
            $reader->isAtEnd($doc);
        } else {
            $this->readToEnd($reader);
        }
        return array_map(Json::plain(...), $reader->take());
    }

    public function removeClient(int|string $clientID): void
    {
        $client = $this->reader($clientID)->client;
        unset($this->readers[$client]);
        $this->update(static function (Document $doc) use ($client): bool {
            $found = $doc->hasClient($client);
            $doc->removeClient($client);
            return $found;
        });
    }

    /**
     * The gateway gives the same cursors. This one is good for as long as the
     * channel lives; of a channel without messages, for 25 seconds and if the
     * clocks of this host and the gateway's differ by less than a second. A
     * gateway tells who comes with one that is not good any more.
     */
    public function cursor(int|string|null $clientID = null): string
    {
        $reader = $clientID === null ? null : $this->reader($clientID);
        if ($reader?->last() !== null) {
            return Cursor::behind(...$reader->last());
        }
        // In this order: a life that ends meanwhile is noticed by the gateway.
        $time = (int) (microtime(true) * 1000);
        $life = Life::of($this->link);
        $doc = $this->look();
        if ($reader?->hasRead() !== true) {
            $last = $doc->lastMessage();
            return $last === null ? Cursor::ofEmpty($time, $life) : Cursor::behind(...$last);
        }
        // When the client read there was no message: so all there are by now
        // are new, unless its record has gone, and with it perhaps some.
        $first = $doc->firstMessage();
        return match (true) {
            !$doc->hasClient($reader->client) => Cursor::ofEmpty(0, $life),
            $first === null => Cursor::ofEmpty($time, $life),
            default => Cursor::before(...$first),
        };
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

    /** Reads what is new to a client and moves its cursor to the end. */
    private function readToEnd(Reader $reader): void
    {
        $read = Document::empty();
        $this->update(static function (Document $doc) use ($reader, &$read): bool {
            $reader->read($doc);
            $doc->moveToEnd($reader->client);
            $read = $doc;
            return true;
        });
        $reader->isAtEnd($read);
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

    private function look(): Document
    {
        return $this->parse($this->link->get($this->key));
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

    private function reader(int|string $clientID): Reader
    {
        $client = (string) $clientID;
        if ($client === '' || preg_match('//u', $client) !== 1) {
            throw new \InvalidArgumentException('a client id is UTF-8 text and not empty');
        }
        return $this->readers[$client] ??= new Reader($client);
    }
}

if (!class_exists('MemcacheCommStore', false)) {
    class_alias(MemcacheCommStore::class, 'MemcacheCommStore');
}
