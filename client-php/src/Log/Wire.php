<?php

declare(strict_types=1);

namespace CommChannel\Log;

use CommChannel\Net\Deadline;
use CommChannel\Net\Socket;
use CommChannel\Net\SocketFailure;
use CommChannel\StoreUnavailable;

/**
 * One memcached server by its text protocol. PHP's extensions take the flags of
 * items for their own, and could read neither heads nor tombstones.
 *
 * @internal
 */
class Wire
{
    /** Most bytes of an answer's line; memcached's own are much shorter. */
    private const MAX_LINE = 2048;

    /** Most bytes of a value that are read: memcached has none above 1 MiB unless told so. */
    private const MAX_VALUE = 16 << 20;

    private ?Socket $socket = null;

    /**
     * Connects on first use.
     *
     * @param string $address host:port
     * @param float  $timeout seconds for an exchange, connecting included
     */
    public function __construct(private string $address, private float $timeout)
    {
    }

    /**
     * Sends all commands at once and reads their answers; and does so once more
     * if the connection was ended meanwhile, as by a restart of memcached. So
     * a command may be carried out twice, and the first time shows nowhere.
     *
     * @param list<Op> $ops
     * @param Deadline $call by which all must be done, whatever the time-out
     *
     * @throws StoreUnavailable
     */
    public function run(array $ops, Deadline $call): void
    {
        for ($try = 1; $ops !== []; $try++) {
            $deadline = Deadline::in(min($this->timeout, $call->left()));
            $socket = $this->socket;
            $this->socket = null; // what throws leaves a connection of no use
            try {
                if ($socket === null || !$socket->isIdle()) {
                    $socket = Socket::connect("tcp://{$this->address}", $deadline);
                }
                $this->exchange($socket, $ops, $deadline);
                $this->socket = $socket;
                return;
            } catch (SocketFailure $e) {
                if (!$e->lost || $try === 2) {
                    throw new StoreUnavailable("memcached at {$this->address}: {$e->getMessage()}", 0, $e);
                }
            }
        }
    }

    /** That memcached refused a command. */
    public function refusal(Op $op): StoreUnavailable
    {
        return new StoreUnavailable("memcached at {$this->address} answered: {$op->words}");
    }

    /** @param list<Op> $ops */
    private function exchange(Socket $socket, array $ops, Deadline $deadline): void
    {
        $socket->write(implode('', array_map(static fn (Op $op): string => $op->bytes, $ops)), $deadline);
        foreach ($ops as $op) {
            if ($op->keys !== []) {
                $this->readItems($socket, $op, $deadline);
                continue;
            }
            $line = $socket->line(self::MAX_LINE, $deadline);
            if (!$op->answer($line)) {
                throw $this->unexpected($line);
            }
        }
    }

    /** What is missing has no line; the rest comes in the order of the keys. */
    private function readItems(Socket $socket, Op $op, Deadline $deadline): void
    {
        $op->items = array_fill(0, count($op->keys), null);
        for ($next = 0; ($line = $socket->line(self::MAX_LINE, $deadline)) !== 'END'; $next++) {
            if (!preg_match('/^VALUE (\S+) (\d{1,10}) (\d{1,10}) (\d{1,20})$/D', $line, $m) || $m[3] > self::MAX_VALUE) {
                throw $this->unexpected($line);
            }
            while ($next < count($op->keys) && $op->keys[$next] !== $m[1]) {
                $next++;
            }
            if ($next === count($op->keys)) {
                throw $this->unexpected($line);
            }
            $value = $socket->read((int) $m[3] + 2, $deadline);
            $op->items[$next] = new Item((int) $m[2], substr($value, 0, -2), $m[4]);
        }
        $op->got = Outcome::Done;
    }

    private function unexpected(string $line): StoreUnavailable
    {
        return new StoreUnavailable("memcached at {$this->address} answered: " . substr($line, 0, 80));
    }
}
