<?php

declare(strict_types=1);

namespace CommChannel\Net;

use CommChannel\Muted;

/**
 * A connection on which nothing takes longer than its deadline, however slowly
 * the other side sends or reads. Once a method has thrown, it is of no use.
 *
 * @internal
 */
final class Socket
{
    /** @var resource */
    private $stream;

    /** What has come and was not asked for yet. */
    private string $buffer = '';

    /** @param resource $stream */
    private function __construct($stream)
    {
        $this->stream = $stream;
        stream_set_blocking($stream, false);
    }

    /**
     * @param string               $address as stream_socket_client() takes it: tcp://, tls:// or unix://
     * @param array<string, mixed> $tls     PHP's SSL context options
     *
     * @throws SocketFailure
     */
    public static function connect(string $address, Deadline $deadline, array $tls = []): self
    {
        // Without TCP_NODELAY the end of a large request waits 40 ms for the
        // acknowledgement of its beginning.
        $context = stream_context_create(['socket' => ['tcp_nodelay' => true], 'ssl' => $tls]);
        $error = '';
        [$stream, $complaints] = Muted::call(static function () use ($address, $deadline, $context, &$error) {
            $code = 0;
            $timeout = max($deadline->left(), 0.001); // 0 would be none
            return stream_socket_client($address, $code, $error, $timeout, STREAM_CLIENT_CONNECT, $context);
        });
        if ($stream === false) {
            // TLS tells what is wrong in notices only.
            throw new SocketFailure($error === '' ? implode(', ', $complaints) : $error);
        }
        return new self($stream);
    }

    /** Whether the other side is there and has sent nothing that was not read: fit for a request. */
    public function isIdle(): bool
    {
        return $this->buffer === '' && $this->receive() === '' && !feof($this->stream);
    }

    /** @throws SocketFailure */
    public function write(string $bytes, Deadline $deadline): void
    {
        while ($bytes !== '') {
            [$n, $complaints] = Muted::call(fn () => fwrite($this->stream, $bytes));
            if ($n === false) {
                throw new SocketFailure('connection lost: ' . implode(', ', $complaints), true);
            }
            $bytes = substr($bytes, $n);
            if ($n === 0) {
                $this->await([], [$this->stream], $deadline);
            }
        }
    }

    /**
     * The next line, without its end.
     *
     * @param int $most bytes of it
     *
     * @throws SocketFailure
     */
    public function line(int $most, Deadline $deadline): string
    {
        while (($end = strpos($this->buffer, "\n")) === false && strlen($this->buffer) <= $most) {
            $this->fill($deadline);
        }
        if ($end === false || $end > $most) {
            throw new SocketFailure("a line of more than $most bytes");
        }
        return rtrim($this->take($end + 1), "\r\n");
    }

    /**
     * So many bytes.
     *
     * @throws SocketFailure
     */
    public function read(int $length, Deadline $deadline): string
    {
        while (strlen($this->buffer) < $length) {
            $this->fill($deadline);
        }
        return $this->take($length);
    }

    /**
     * All that comes until the other side ends the connection.
     *
     * @param int $most bytes
     *
     * @throws SocketFailure
     */
    public function readToEnd(int $most, Deadline $deadline): string
    {
        while (strlen($this->buffer) <= $most) {
            try {
                $this->fill($deadline);
            } catch (SocketFailure $e) {
                if ($e->lost) {
                    return $this->take(strlen($this->buffer));
                }
                throw $e;
            }
        }
        throw new SocketFailure("more than $most bytes");
    }

    private function take(int $length): string
    {
        $bytes = substr($this->buffer, 0, $length);
        $this->buffer = substr($this->buffer, $length);
        return $bytes;
    }

    /** Waits for at least one byte more. */
    private function fill(Deadline $deadline): void
    {
        while (($bytes = $this->receive()) === '') {
            if (feof($this->stream)) {
                throw new SocketFailure('connection closed by the other side', true);
            }
            $this->await([$this->stream], [], $deadline);
        }
        $this->buffer .= $bytes;
    }

    /** What is there; "" also at the end. */
    private function receive(): string
    {
        [$bytes] = Muted::call(fn () => fread($this->stream, 1 << 16));
        return (string) $bytes;
    }

    /**
     * @param list<resource> $readable
     * @param list<resource> $writable
     */
    private function await(array $readable, array $writable, Deadline $deadline): void
    {
        $left = $deadline->left();
        if ($left <= 0.0) {
            throw new SocketFailure('timeout');
        }
        [$ready] = Muted::call(static function () use ($readable, $writable, $left): int|false {
            $except = null;
            return stream_select($readable, $writable, $except, (int) $left, (int) (fmod($left, 1) * 1e6));
        });
        if ($ready === false) {
            usleep(1000); // a signal, or more open files than select() can name
        }
    }
}
