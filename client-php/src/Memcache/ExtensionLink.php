<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\ChannelUnreadable;
use CommChannel\CommException;
use CommChannel\MessageTooLarge;
use CommChannel\Muted;
use CommChannel\StoreUnavailable;

/**
 * One memcached server by way of the `memcache` extension, which tells "the
 * server is down" and "there is no such key" apart only in the notices it
 * raises: here, the one is an exception and the other an answer.
 *
 * @internal
 */
final class ExtensionLink implements Link
{
    /** Seconds to connect, and for each answer. The extension tries twice. */
    private const TIMEOUT = 1;

    /**
     * The extension writes a value in pieces of this many bytes (its default is
     * 32 KiB), each held back by Nagle's algorithm until the one before is
     * acknowledged: 40 ms for a value of two pieces. This is one piece for all
     * but the fullest channels. It is no more since each connection has a
     * buffer of this size as well.
     */
    private const CHUNK_SIZE = 256 * 1024;

    private \Memcache $memcache;

    /** What the extension complained of at the end of the last call, or "". */
    private string $fault = '';

    /** Connects on first use. */
    public function __construct(private string $host, private int $port)
    {
        if (!extension_loaded('memcache')) {
            throw new CommException('the PHP extension "memcache" is not loaded');
        }
        if ((int) ini_get('memcache.chunk_size') < self::CHUNK_SIZE) {
            ini_set('memcache.chunk_size', (string) self::CHUNK_SIZE);
        }
        // The extension sets a property that its class does not declare.
        $this->memcache = new #[\AllowDynamicProperties] class extends \Memcache {
        };
        $this->memcache->addServer($host, $port, false, 1, self::TIMEOUT, 0);
    }

    public function __destruct()
    {
        // By itself the extension does so at the end of the whole script only.
        Muted::call(fn (): bool => $this->memcache->close());
    }

    public function get(string $key): ?array
    {
        $cas = null;
        $read = function () use ($key, &$cas): mixed {
            $flags = $cas = null;
            return $this->memcache->get($key, $flags, $cas);
        };
        $value = $this->call($read);
        if ($cas === null && $this->lostConnection()) {
            $value = $this->call($read);
        }
        if ($cas !== null) {
            return [$value, $cas];
        }
        $this->throwFault();
        return null;
    }

    public function add(string $key, int|string $value, int $ttl): bool
    {
        $flags = is_string($value) ? MEMCACHE_COMPRESSED : 0;
        return $this->wrote(fn (): bool => $this->memcache->add($key, $value, $flags, $ttl));
    }

    public function cas(string $key, string $value, int $ttl, int $cas): bool
    {
        return $this->wrote(fn (): bool => $this->memcache->cas($key, $value, MEMCACHE_COMPRESSED, $ttl, $cas));
    }

    public function delete(string $key): void
    {
        $this->wrote(fn (): bool => $this->memcache->delete($key));
    }

    /**
     * After a lost connection the extension has tried again, and what its
     * false means is unknown: false here too, so that the caller looks again.
     */
    private function wrote(callable $write): bool
    {
        $ok = $this->call($write) === true;
        if (!$ok && !$this->lostConnection() && !str_contains($this->fault, 'NOT_FOUND')) {
            $this->throwFault();
        }
        return $ok;
    }

    private function call(callable $operation): mixed
    {
        [$result, $complaints] = Muted::call($operation);
        $this->fault = (string) end($complaints); // false, if there is none, is ""
        return $result;
    }

    private function lostConnection(): bool
    {
        return str_contains($this->fault, 'failed with: (null)');
    }

    private function throwFault(): void
    {
        if ($this->fault === '') {
            return;
        }
        $server = "memcached at {$this->host}:{$this->port}";
        if (str_contains($this->fault, 'too large')) {
            throw new MessageTooLarge("$server has no items of this size: {$this->fault}");
        }
        if (preg_match('/uncompress|unserialize/', $this->fault)) {
            throw new ChannelUnreadable("$server has a damaged value: {$this->fault}");
        }
        throw new StoreUnavailable("$server: {$this->fault}");
    }
}
