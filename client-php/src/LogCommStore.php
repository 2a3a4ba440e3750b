<?php

declare(strict_types=1);

namespace CommChannel;

use CommChannel\Log\Channel;
use CommChannel\Log\Key;
use CommChannel\Log\Message;
use CommChannel\Log\Op;
use CommChannel\Log\Place;
use CommChannel\Log\Publisher;
use CommChannel\Log\Reader;
use CommChannel\Log\Servers;
use CommChannel\Log\Wire;
use CommChannel\Net\Deadline;

/**
 * A channel in memcached as a log: a counter, and a key for each message;
 * shared with other processes that use this class, and with gateways whose
 * store is memcache://...?layout=log. No lock, and no bound on the channel.
 *
 * It needs no extension. Where a client has read to is remembered by this
 * object, and for an hour by memcached, for the next object; cursor() tells it,
 * and $since goes on from there.
 */
class LogCommStore implements CursorStore, WaitingStore
{
    /** Most bytes of a message: memcached keeps items of 1 MiB, with their key and its own overhead. */
    private const MAX_TEXT = (1 << 20) - (1 << 10);

    /** Messages, and bytes of them, after which a call looks for no more; the next one does. */
    private const ENOUGH = 5000;
    private const ENOUGH_BYTES = 16 << 20;

    /** For how long the place of a client outlives its last poll, and how often its life is renewed, in seconds. */
    private const CLIENT_TTL = 3600;
    private const RENEW_EVERY = 600.0;

    /** What a call may take, in time-outs: many exchanges that are slow without one that fails. */
    private const CALL = 4.0;

    /** Most seconds between two looks while waiting for messages. */
    private const PACE = 0.01;

    private Channel $channel;

    /** @var array<string, string> how far each client has read */
    private array $cursors = [];

    /** @var array<string, Deadline> when the places in memcached are to be renewed */
    private array $renewals = [];

    /** @var array<string, true> the clients that may have lost messages */
    private array $missed = [];

    /**
     * Connects on first use, and to the one server that keeps the channel.
     *
     * @param string|array<string> $servers   host[:11211], the same and in the same words as all gateways
     *                                        and PHP processes have them: several are a list
     * @param int|string           $channelID 1 to 180 bytes of UTF-8 without spaces and control bytes, not
     *                                        beginning with "lock_"
     * @param string               $since     where clients begin to read, as cursor() or a gateway told it;
     *                                        "" for where memcached knows them to be, or else the channel's end
     * @param int                  $history   seconds for which a message is kept
     * @param float                $grace     seconds for which a message that is on its way holds up readers
     *                                        before they pass it
     * @param float                $timeout   seconds that memcached has for each answer. A call takes at most
     *                                        four times that
     *
     * @throws CommException if this PHP has no integers of 64 bits
     */
    public function __construct(
        string|array $servers,
        int|string $channelID,
        private string $since = '',
        private int $history = 120,
        private float $grace = 0.05,
        private float $timeout = 1.0,
    ) {
        $name = (string) $channelID;
        if (preg_match('/^(?!lock_)[^\x00-\x20\x7f]{1,180}$/Du', $name) !== 1 || strlen($name) > 180) {
            throw new \InvalidArgumentException(
                "a channel id has 1 to 180 bytes of UTF-8, no spaces, and does not begin with \"lock_\", got \"$name\""
            );
        }
        if ($history < 1 || $history > 86400 || !($grace > 0.0 && $grace <= 5.0) || !($timeout > 0.0 && $timeout <= 10.0)) {
            throw new \InvalidArgumentException('the history is 1 to 86400 seconds, the grace time up to 5 and the time-out up to 10');
        }
        if (PHP_INT_SIZE < 8) {
            throw new CommException('the log layout wants a PHP with integers of 64 bits');
        }
        $key = new Key($name);
        $this->channel = new Channel(new Wire((new Servers((array) $servers))->of($key->name), $timeout), $key);
    }

    /**
     * What is not a string is written as a text that the gateway and this
     * class make the same value of.
     *
     * Who sends again, after an exception, with the same $id within two minutes
     * makes one message, whether the first try had come to something or not.
     *
     * @param string|null $id 1 to 64 bytes of A-Z a-z 0-9 . _ ~ -, not beginning with "_" and no decimal
     *                        number; null for a new one
     *
     * @throws MessageRefused
     * @throws MessageTooLarge
     * @throws ChannelUnreadable
     * @throws StoreUnavailable
     */
    public function addMsg(mixed $msg, ?string $id = null): string
    {
        $id ??= MessageID::make();
        if (preg_match('/^(?!_|-?\d+$)[A-Za-z0-9._~-]{1,64}$/D', $id) !== 1) {
            throw new \InvalidArgumentException("a message id is 1 to 64 URL-safe bytes, not \"$id\"");
        }
        $text = self::text($msg);
        (new Publisher($this->channel, $this->deadline(), $this->history, $id, $text))->publish();
        return $id;
    }

    /** @throws CommException always: what stands in a log stays there until it ends */
    public function delMsg(int|string $id): void
    {
        throw new CommException('the log layout takes no message out of a channel');
    }

    /** @throws ChannelUnreadable */
    public function getMessages(int|string $clientID): array
    {
        $client = self::client($clientID);
        $deadline = $this->deadline();
        $from = $this->place($client, $deadline);
        if ($from === '') {
            $this->keep($client, $this->end($deadline), $deadline);
            return [];
        }
        [$cursor, $missed, $new, $size] = [$from, false, [], 0];
        do {
            $page = (new Reader($this->channel, $deadline, $this->grace))->read($cursor);
            $cursor = $page->cursor;
            $missed = $missed || $page->gap;
            array_push($new, ...$page->messages);
            $size += $page->size;
            $enough = count($new) >= self::ENOUGH || $size > self::ENOUGH_BYTES || $deadline->left() < $this->timeout;
        } while ($page->more && !$enough);
        // All or nothing: what came before an exception comes again with the next call.
        $this->keep($client, $cursor, $deadline);
        if ($missed) {
            $this->missed[$client] = true;
        }
        return self::byID($new);
    }

    public function waitForMessages(int|string $clientID, float $seconds): array
    {
        $deadline = Deadline::in($seconds);
        $pause = 0.001;
        while (($new = $this->getMessages($clientID)) === [] && !$deadline->passed()) {
            $deadline->sleep($pause);
            $pause = min(1.5 * $pause, self::PACE);
        }
        return $new;
    }

    public function removeClient(int|string $clientID): void
    {
        $client = self::client($clientID);
        unset($this->cursors[$client], $this->renewals[$client], $this->missed[$client]);
        $this->channel->run($this->deadline(), Op::delete($this->channel->key->client($client)));
    }

    /** @throws ChannelUnreadable */
    public function cursor(int|string|null $clientID = null): string
    {
        $deadline = $this->deadline();
        $known = $clientID === null ? '' : $this->place(self::client($clientID), $deadline);
        return $known === '' ? $this->end($deadline) : $known;
    }

    /**
     * Whether messages may be missing among those, or before those, that
     * getMessages() has returned to a client since this was last asked:
     * memcached was restarted, or has them no more, or somebody who was given a
     * number did not use it in time. Then what was built of the messages is to
     * be built anew.
     */
    public function missed(int|string $clientID): bool
    {
        $client = self::client($clientID);
        $missed = isset($this->missed[$client]);
        unset($this->missed[$client]);
        return $missed;
    }

    /** How far a client has read; "" if nobody knows it. */
    private function place(string $client, Deadline $deadline): string
    {
        $known = $this->cursors[$client] ?? $this->since;
        if ($known !== '') {
            return $known;
        }
        $get = Op::gets($this->channel->key->client($client));
        $this->channel->run($deadline, $get);
        $cursor = $get->items[0]->value ?? '';
        return Place::parse($cursor) === null ? '' : $cursor;
    }

    private function end(Deadline $deadline): string
    {
        return $this->channel->look($deadline)[0]->cursor();
    }

    /** Remembers how far a client has read, and has memcached remember it. */
    private function keep(string $client, string $cursor, Deadline $deadline): void
    {
        $key = $this->channel->key->client($client);
        if (($this->cursors[$client] ?? '') !== $cursor || $this->renewals[$client]->passed()) {
            $this->channel->must($deadline, Op::set($key, 0, self::CLIENT_TTL, $cursor));
            $this->renewals[$client] = Deadline::in(self::RENEW_EVERY);
        }
        $this->cursors[$client] = $cursor;
    }

    private function deadline(): Deadline
    {
        return Deadline::in(self::CALL * $this->timeout);
    }

    private static function text(mixed $msg): string
    {
        $text = is_string($msg) ? $msg : Json::encode(['type' => '', 'payload' => $msg, 'msg' => $msg, 'from' => '']);
        if (preg_match('//u', $text) !== 1) {
            throw new MessageRefused('a message that is a string is UTF-8');
        }
        if (strlen($text) > self::MAX_TEXT) {
            throw new MessageTooLarge(sprintf('a message of %d bytes, the most is %d', strlen($text), self::MAX_TEXT));
        }
        return $text;
    }

    /** The value that was sent: a gateway, too, writes what has no type as an object whose type is "". */
    private static function value(string $text): mixed
    {
        if (!str_contains($text, '"type":""')) {
            return $text;
        }
        $m = Json::decode($text);
        $m = is_object($m) ? get_object_vars($m) : $m;
        return is_array($m) && ($m['type'] ?? null) === '' && array_key_exists('payload', $m)
            ? Json::plain($m['payload'], JSON_PARTIAL_OUTPUT_ON_ERROR)
            : $text;
    }

    /**
     * @param list<Message> $messages
     *
     * @return array<int|string, mixed>
     */
    private static function byID(array $messages): array
    {
        $values = [];
        foreach ($messages as $m) {
            // One id can be there twice if memcached lost what was known of it.
            $values[array_key_exists($m->id, $values) ? $m->cursor : $m->id] = self::value($m->text);
        }
        return $values;
    }

    private static function client(int|string $clientID): string
    {
        $client = (string) $clientID;
        if ($client === '' || preg_match('//u', $client) !== 1) {
            throw new \InvalidArgumentException('a client id is UTF-8 text and not empty');
        }
        return $client;
    }
}
