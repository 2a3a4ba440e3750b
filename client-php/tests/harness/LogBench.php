<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\GatewayCommStore;
use CommChannel\Log\Channel;
use CommChannel\Log\Key;
use CommChannel\Log\Op;
use CommChannel\Log\Place;
use CommChannel\Log\Publisher;
use CommChannel\Log\Slot;
use CommChannel\Log\Wire;
use CommChannel\LogCommStore;
use CommChannel\Net\Deadline;

/** Channels in the log layout, on a memcached of their own, with a gateway on it where one is asked for. */
final class LogBench
{
    public readonly MemcachedServer $server;
    private string $address;
    private ?GatewayServer $gateway = null;
    private int $channels = 0;

    public function __construct()
    {
        $this->server = new MemcachedServer();
        $this->address = "127.0.0.1:{$this->server->port}";
    }

    /** The name of a channel that nobody has used. */
    public function fresh(): string
    {
        return 'log' . ++$this->channels;
    }

    public function store(string $channel, string $since = '', float $grace = 0.02): LogCommStore
    {
        return new LogCommStore($this->address, $channel, $since, grace: $grace, timeout: max(1.0, $grace));
    }

    public function gateway(): GatewayServer
    {
        return $this->gateway ??= new GatewayServer(['--hold', '1s', '--store', "memcache://{$this->address}?layout=log&grace=1s"]);
    }

    /** A store that goes by way of the gateway. */
    public function byGateway(string $channel, string $since = ''): GatewayCommStore
    {
        return new GatewayCommStore($this->gateway()->url(), $channel, $since, timeout: 5.0);
    }

    /** Does commands; the last one. */
    public function do(Op ...$ops): Op
    {
        (new Wire($this->address, 1.0))->run(array_values($ops), Deadline::in(5.0));
        return end($ops);
    }

    /** Gives out the next number of a channel, which nobody will use. */
    public function hole(string $channel): Place
    {
        $head = (new Key($channel))->head();
        $n = (int) $this->do(Op::incr($head, 1))->number;
        return new Place($this->server->item($head)['flags'], $n);
    }

    /** The place of the newest number. */
    public function tail(string $channel): Place
    {
        return Place::parse($this->store($channel)->cursor());
    }

    /**
     * What calls return until nothing comes any more.
     *
     * @return list<mixed>
     */
    public function readAll(LogCommStore $store, string $client = 'reader'): array
    {
        $all = [];
        do {
            $new = array_values($store->getMessages($client));
            array_push($all, ...$new);
        } while ($new !== []);
        return $all;
    }

    /**
     * Has another process put a message to a number, after 0.2 seconds.
     *
     * @return resource the process
     */
    public function putLate(string $channel, Place $at, string $id, string $text)
    {
        $value = base64_encode(Slot::encode($at->epoch, $id, $text));
        $key = (new Key($channel))->slot($at->n);
        $code = 'usleep(200000); $s = stream_socket_client("tcp://' . $this->address . '"); $v = base64_decode("' . $value . '");'
            . 'fwrite($s, "add ' . $key . ' 0 120 " . strlen($v) . "\r\n$v\r\n"); fgets($s);';
        return proc_open([PHP_BINARY, '-r', $code], [], $pipes);
    }

    /** A wire that does something before its nth exchange. */
    public function stepped(int $nth, callable $step): Wire
    {
        return new class ($this->address, $nth, $step) extends Wire {
            /** @param callable(): void $step */
            public function __construct(string $address, private int $nth, private $step)
            {
                parent::__construct($address, 1.0);
            }

            public function run(array $ops, Deadline $call): void
            {
                if (--$this->nth === 0) {
                    ($this->step)();
                }
                parent::run($ops, $call);
            }
        };
    }

    public function publish(Wire $wire, string $channel, string $id, string $text): Place
    {
        return (new Publisher(new Channel($wire, new Key($channel)), Deadline::in(5.0), 120, $id, $text))->publish();
    }
}
