<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/** A real memcached on a free port of the loopback, as a child process; and its raw protocol. */
final class MemcachedServer
{
    public readonly int $port;

    /** @var resource|null */
    private $process = null;

    /** @var resource|null */
    private $socket = null;

    /** @param list<string> $options further ones of memcached */
    public function __construct(private array $options = [])
    {
        $this->port = self::freePort();
        $this->start();
    }

    public function __destruct()
    {
        $this->kill();
    }

    public static function freePort(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        $name = stream_socket_get_name($socket, false);
        fclose($socket);
        return (int) substr(strrchr($name, ':'), 1);
    }

    public function start(): void
    {
        $user = posix_geteuid() === 0 ? ['-u', 'root'] : [];
        $command = ['memcached', '-l', '127.0.0.1', '-p', (string) $this->port, '-U', '0', ...$user, ...$this->options];
        $this->process = proc_open($command, [], $pipes);
        await("memcached on port {$this->port}", function (): bool {
            set_error_handler(static fn (): bool => true);
            $this->socket = stream_socket_client("tcp://127.0.0.1:{$this->port}", $errno, $error, 1) ?: null;
            restore_error_handler();
            return $this->socket !== null;
        });
    }

    /** Ends it as a crash would. */
    public function kill(): void
    {
        if ($this->process === null) {
            return;
        }
        proc_terminate($this->process, SIGKILL);
        proc_close($this->process);
        $this->process = $this->socket = null;
    }

    /** Stops all of its threads, until resume(). */
    public function pause(): void
    {
        posix_kill($this->pid(), SIGSTOP);
        await('memcached to stop', fn (): bool => proc_get_status($this->process)['stopped']);
    }

    public function resume(): void
    {
        posix_kill($this->pid(), SIGCONT);
    }

    private function pid(): int
    {
        return proc_get_status($this->process)['pid'];
    }

    /**
     * What lies at a key: its flags, seconds to live and bytes; null if nothing.
     *
     * @return array{flags: int, ttl: int, value: string}|null
     */
    public function item(string $key): ?array
    {
        // Keys may hold bytes that are fine for `get` but not for meta
        // commands; base64 suits all of them.
        fwrite($this->socket, 'mg ' . base64_encode($key) . " b f t v\r\n");
        $answer = rtrim((string) fgets($this->socket), "\r\n");
        if ($answer === 'EN') {
            return null;
        }
        if (!preg_match('/^VA (\d+)(?: b)? f(\d+) t(-?\d+)$/', $answer, $m)) {
            throw new \RuntimeException("memcached answered $answer");
        }
        $value = stream_get_contents($this->socket, (int) $m[1]);
        fgets($this->socket);
        return ['flags' => (int) $m[2], 'ttl' => (int) $m[3], 'value' => $value];
    }

    /** The text of the document at a key, uncompressed; null if there is none. */
    public function text(string $key): ?string
    {
        $item = $this->item($key);
        return $item === null ? null : ($item['flags'] === 2 ? gzuncompress($item['value']) : $item['value']);
    }

    public function set(string $key, string $value, int $flags = 0, int $ttl = 30): void
    {
        $this->command("set $key $flags $ttl " . strlen($value) . "\r\n$value", 'STORED');
    }

    public function add(string $key, string $value, int $flags = 0, int $ttl = 30): void
    {
        $this->command("add $key $flags $ttl " . strlen($value) . "\r\n$value", 'STORED');
    }

    public function delete(string $key): void
    {
        $this->command("delete $key", 'DELETED');
    }

    private function command(string $line, string $want): void
    {
        fwrite($this->socket, "$line\r\n");
        $answer = rtrim((string) fgets($this->socket), "\r\n");
        if ($answer !== $want) {
            throw new \RuntimeException("memcached answered \"$answer\", want $want");
        }
    }
}
