<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * Tells which server keeps a channel, as libmemcached does with KETAMA_WEIGHTED
 * and as the gateway does: each server has about 160 points on a circle of
 * 2^32, and a channel belongs to the first one at or behind its hash.
 *
 * @internal
 */
final class Ring
{
    private const POINTS_PER_SERVER = 160;
    private const POINTS_PER_HASH = 4;
    private const DEFAULT_PORT = 11211;

    /** @var list<array{int, int}> place and server, in order */
    private array $points = [];

    /** @param non-empty-list<array{string, int}> $servers host, as it is written everywhere, and port */
    public function __construct(array $servers)
    {
        if (count($servers) === 1) {
            $this->points = [[0, 0]];
            return;
        }
        $hashes = self::hashesPerServer(count($servers));
        foreach ($servers as $i => [$host, $port]) {
            // libmemcached leaves its default port out.
            $label = $port === self::DEFAULT_PORT ? $host : "$host:$port";
            for ($h = 0; $h < $hashes; $h++) {
                foreach (unpack('V' . self::POINTS_PER_HASH, md5("$label-$h", true)) as $at) {
                    $this->points[] = [$at, $i];
                }
            }
        }
        usort($this->points, static fn (array $a, array $b): int => $a[0] <=> $b[0]); // it is stable
    }

    /** The index of the server for a channel's name as keys hold it. */
    public function server(string $name): int
    {
        $at = unpack('V', md5($name, true))[1];
        [$low, $high] = [0, count($this->points)];
        while ($low < $high) {
            $middle = intdiv($low + $high, 2);
            if ($this->points[$middle][0] < $at) {
                $low = $middle + 1;
            } else {
                $high = $middle;
            }
        }
        return $this->points[$low % count($this->points)][1];
    }

    /**
     * How many hashes libmemcached makes for each of n equal servers: 40, or 39
     * where its single-precision arithmetic ends below.
     */
    private static function hashesPerServer(int $n): int
    {
        $points = self::single(1 / $n);
        foreach ([self::POINTS_PER_SERVER, 1 / self::POINTS_PER_HASH, $n] as $factor) {
            $points = self::single($points * $factor);
        }
        return (int) self::single($points + 0.0000000001);
    }

    private static function single(float $x): float
    {
        return unpack('g', pack('g', $x))[1];
    }
}
