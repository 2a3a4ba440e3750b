<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\MessageTooLarge;
use CommChannel\Net\Deadline;
use CommChannel\Net\Socket;
use CommChannel\Net\SocketFailure;
use CommChannel\StoreUnavailable;

/**
 * One memcached server by its text protocol, without any extension.
 *
 * It is there because the `memcached` extension can't share channels with the
 * `memcache` extension: it takes compressed text for the number 0.0, and can't
 * give a text the flags that tell that it is compressed.
 *
 * @internal
 */
final class SocketLink implements Link
{
    /** Seconds for a command and its answer, connecting included. */
    private const TIMEOUT = 1.0;

    /** Most bytes of an answer's line; memcached's own are much shorter. */
    private const MAX_LINE = 2048;

    /** Most bytes of a value that are read: memcached has none above 1 MiB unless told so. */
    private const MAX_VALUE = 16 << 20;

    private string $address;
    private ?Socket $socket = null;

    /** Connects on first use. The host may also be unix:///path, as with the extension. */
    public function __construct(string $host, int $port)
    {
        $this->address = match (true) {
            str_starts_with($host, 'unix://') => $host,
            str_contains($host, ':') && $host[0] !== '[' => "tcp://[$host]:$port",
            default => "tcp://$host:$port",
        };
    }

    public function get(string $key): ?array
    {
        $item = $this->talk("gets $key\r\n", function (Socket $socket, Deadline $deadline): ?array {
            $line = $socket->line(self::MAX_LINE, $deadline);
            if ($line === 'END') {
                return null;
            }
            if (!preg_match('/^VALUE .+ (\d+) (\d+) (\d+)$/', $line, $m) || $m[2] > self::MAX_VALUE) {
                throw $this->unexpected($line);
            }
            $bytes = substr($socket->read((int) $m[2] + 2, $deadline), 0, -2);
            $line = $socket->line(self::MAX_LINE, $deadline);
            return $line === 'END' ? [(int) $m[1], $bytes, (int) $m[3]] : throw $this->unexpected($line);
        });
        return $item === null ? null : [Value::unpack($item[0], $item[1]), $item[2]];
    }

    public function add(string $key, int|string $value, int $ttl): bool
    {
        [$flags, $bytes] = Value::pack($value);
        return $this->write("add $key $flags $ttl " . strlen($bytes) . "\r\n$bytes\r\n", 'STORED', 'NOT_STORED');
    }

    public function cas(string $key, string $value, int $ttl, int $cas): bool
    {
        [$flags, $bytes] = Value::pack($value);
        $command = "cas $key $flags $ttl " . strlen($bytes) . " $cas\r\n$bytes\r\n";
        return $this->write($command, 'STORED', 'EXISTS', 'NOT_FOUND', 'NOT_STORED');
    }

    public function delete(string $key): void
    {
        $this->write("delete $key\r\n", 'DELETED', 'NOT_FOUND');
    }

    private function write(string $command, string $yes, string ...$no): bool
    {
        return $this->talk($command, function (Socket $socket, Deadline $deadline) use ($yes, $no): bool {
            $line = $socket->line(self::MAX_LINE, $deadline);
            return $line === $yes || (in_array($line, $no, true) ? false : throw $this->unexpected($line));
        });
    }

    /**
     * Sends a command and reads its answer, and does so once more if the
     * connection was ended meanwhile, as by a restart of memcached.
     *
     * @template T
     *
     * @param callable(Socket, Deadline): T $read
     *
     * @return T
     */
    private function talk(string $command, callable $read): mixed
    {
        for ($try = 1;; $try++) {
            $deadline = Deadline::in(self::TIMEOUT);
            $socket = $this->socket;
            $this->socket = null; // what throws leaves a connection of no use
            try {
                if ($socket === null || !$socket->isIdle()) {
                    $socket = Socket::connect($this->address, $deadline);
                }
                $socket->write($command, $deadline);
                $answer = $read($socket, $deadline);
                $this->socket = $socket;
                return $answer;
            } catch (SocketFailure $e) {
                if (!$e->lost || $try === 2) {
                    throw new StoreUnavailable("memcached at {$this->address}: {$e->getMessage()}", 0, $e);
                }
            }
        }
    }

    private function unexpected(string $line): StoreUnavailable|MessageTooLarge
    {
        if (str_contains($line, 'too large')) {
            return new MessageTooLarge("memcached at {$this->address} has no items of this size: $line");
        }
        return new StoreUnavailable("memcached at {$this->address} answered: $line");
    }
}
