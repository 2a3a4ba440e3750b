<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * The memcached servers among which channels are spread.
 *
 * @internal
 */
final class Servers
{
    private const DEFAULT_PORT = 11211;
    private const MOST = 100;

    /** @var list<array{string, int}> host and port, as the ring wants them */
    private array $servers = [];

    /** @param array<string> $addresses each host or host:port, an IPv6 address in brackets */
    public function __construct(array $addresses)
    {
        if ($addresses === [] || count($addresses) > self::MOST) {
            throw new \InvalidArgumentException(count($addresses) . ' servers, 1 to ' . self::MOST . ' can be');
        }
        foreach ($addresses as $address) {
            $server = self::parse($address);
            if (in_array($server, $this->servers, true)) {
                throw new \InvalidArgumentException("the server \"$address\" is there twice");
            }
            $this->servers[] = $server;
        }
    }

    /** The address, host:port, of the one that keeps a channel of this name, as keys hold it. */
    public function of(string $name): string
    {
        [$host, $port] = $this->servers[(new Ring($this->servers))->server($name)];
        return str_contains($host, ':') ? "[$host]:$port" : "$host:$port";
    }

    /** @return array{string, int} */
    private static function parse(string $address): array
    {
        $host = '(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\/\[\]@#?,]+))';
        if (preg_match("/^$host(?::([1-9]\\d{0,4}))?\$/D", $address, $m) !== 1 || (int) ($m[3] ?? 0) > 65535) {
            throw new \InvalidArgumentException("the server \"$address\" is not host:port");
        }
        return [$m[1] !== '' ? $m[1] : $m[2], (int) ($m[3] ?? self::DEFAULT_PORT)];
    }
}
