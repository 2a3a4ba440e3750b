<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * One command to memcached and, once it was run, what came of it.
 *
 * @internal
 */
final class Op
{
    public ?Outcome $got = null;

    /** What incr counted to, in decimal. */
    public string $number = '';

    /** What memcached said where it refused. */
    public string $words = '';

    /** @var list<Item|null> of gets, as the keys */
    public array $items = [];

    /** @param list<string> $keys of gets */
    private function __construct(public readonly string $bytes, public readonly array $keys = [])
    {
    }

    public static function incr(string $key, int $by): self
    {
        return new self("incr $key $by\r\n");
    }

    /** @param int $ttl in seconds, here and below */
    public static function add(string $key, int $flags, int $ttl, string $value): self
    {
        return new self("add $key $flags $ttl " . strlen($value) . "\r\n$value\r\n");
    }

    public static function set(string $key, int $flags, int $ttl, string $value): self
    {
        return new self("set $key $flags $ttl " . strlen($value) . "\r\n$value\r\n");
    }

    public static function cas(string $key, int $ttl, string $value, string $cas): self
    {
        return new self("cas $key 0 $ttl " . strlen($value) . " $cas\r\n$value\r\n");
    }

    public static function touch(string $key, int $ttl): self
    {
        return new self("touch $key $ttl\r\n");
    }

    public static function delete(string $key): self
    {
        return new self("delete $key\r\n");
    }

    public static function gets(string ...$keys): self
    {
        return new self('gets ' . implode(' ', $keys) . "\r\n", $keys);
    }

    public function is(Outcome $outcome): bool
    {
        return $this->got === $outcome;
    }

    /** Takes in an answer of one line; false if it is none that memcached gives. */
    public function answer(string $line): bool
    {
        $this->words = $line;
        $this->got = match (true) {
            in_array($line, ['STORED', 'TOUCHED', 'DELETED'], true) => Outcome::Done,
            $line === 'NOT_STORED', $line === 'EXISTS' => Outcome::NotStored,
            $line === 'NOT_FOUND' => Outcome::NotFound,
            str_starts_with($line, 'SERVER_ERROR object too large') => Outcome::TooLarge,
            str_starts_with($line, 'SERVER_ERROR out of memory'),
            str_starts_with($line, 'CLIENT_ERROR cannot increment') => Outcome::Refused,
            default => null,
        };
        // Some versions pad the number with spaces.
        if ($this->got === null && str_starts_with($this->bytes, 'incr ') && preg_match('/^(\d{1,20}) *$/D', $line, $m) === 1) {
            [$this->got, $this->number] = [Outcome::Done, $m[1]];
        }
        return $this->got !== null;
    }
}
