<?php

declare(strict_types=1);

namespace CommChannel;

use CommChannel\Gateway\Answer;
use CommChannel\Gateway\Envelope;
use CommChannel\Gateway\Exchanges;
use CommChannel\Net\Deadline;

/**
 * A channel by way of a CommChannel gateway, over HTTP: for hosts that reach
 * no memcached, and whatever store the gateway has.
 *
 * How far a client has read is kept in this object alone; cursor() tells it,
 * and $since goes on from there. Every call takes at most three times $timeout and
 * 0.3 seconds, what it waits for messages aside, and the seconds for which a
 * gateway that went away does not want its clients back: 10 at most.
 */
class GatewayCommStore implements CursorStore, WaitingStore
{
    /** Most answers that one call puts together. */
    private const MAX_ANSWERS = 16;

    /** Seconds from which on an exchange counts as held, and pauses after one that was not and told nothing. */
    private const HELD = 0.5;
    private const FIRST_PAUSE = 0.05;
    private const MOST_PAUSE = 2.0;

    private Exchanges $exchanges;
    private string $channel;

    /** @var array<string, string> how far each client has read */
    private array $cursors = [];

    /** @var array<string, true> the clients that may have lost messages */
    private array $missed = [];

    /**
     * Connects on first use.
     *
     * @param string               $url       the gateway's, as in https://example.com/channel
     * @param string               $since     where clients begin to read, as cursor() or the gateway
     *                                        told it; "" for the channel's end at their first call
     * @param string               $token     for gateways that ask for one
     * @param float                $timeout   seconds that the gateway has for an answer
     * @param array<string, mixed> $tls       PHP's SSL context options, such as "cafile"
     */
    public function __construct(
        string $url,
        int|string $channelID,
        private string $since = '',
        string $token = '',
        private float $timeout = 10.0,
        array $tls = [],
    ) {
        $this->channel = (string) $channelID;
        $this->exchanges = new Exchanges($url, $token, $timeout, $tls);
    }

    /**
     * A message as JSCommChannel makes it is sent under the client id that it
     * names, any other under one that the gateway chooses. If the answer is
     * lost the message is sent again with the same id, and is in the channel once.
     *
     * @throws GatewayRefused
     * @throws MessageRefused
     * @throws MessageTooLarge
     * @throws StoreUnavailable
     */
    public function addMsg(mixed $msg): string
    {
        [$from, $fields] = Envelope::fields($msg);
        $id = MessageID::make();
        $send = ['op' => 'send', 'ref' => 1, 'channel' => $this->channel, 'id' => $id] + $fields;
        if ($this->exchanges->now($from, [$send])->find('sent') === null) {
            throw new StoreUnavailable('the gateway did not acknowledge the message');
        }
        return $id;
    }

    /** @throws CommException always: the gateway takes no message back */
    public function delMsg(int|string $id): void
    {
        throw new CommException('the gateway takes no message out of a channel');
    }

    public function getMessages(int|string $clientID): array
    {
        $client = (string) $clientID;
        $deadline = Deadline::in($this->timeout);
        $new = [];
        for ($n = 0; $n < self::MAX_ANSWERS; $n++) {
            try {
                // Because of the ping, it is answered at once.
                $answer = $this->exchanges->now($client, [$this->subscription($client), ['op' => 'ping', 'ref' => 1]]);
            } catch (CommException $e) {
                return $new === [] ? throw $e : $new; // what there is must not be lost
            }
            $this->take($client, $answer, $new);
            if (!$answer->isLarge() || $deadline->passed()) {
                break;
            }
        }
        return $new;
    }

    public function waitForMessages(int|string $clientID, float $seconds): array
    {
        $client = (string) $clientID;
        $deadline = Deadline::in($seconds);
        $pause = self::FIRST_PAUSE;
        while ($this->exchanges->comeBack($deadline)) {
            $new = $this->getMessages($client); // a silent gateway may be a dead one
            if ($new !== [] || $deadline->passed()) {
                return $new;
            }
            $held = Deadline::in(self::HELD);
            $this->take($client, $this->exchanges->held($client, [$this->subscription($client)], $deadline), $new);
            if ($new !== []) {
                return $new;
            }
            // Something on the way, or over there, may not hold it, each time.
            $deadline->sleep($held->passed() ? 0.0 : $pause * random_int(500, 1000) / 1000);
            $pause = $held->passed() ? self::FIRST_PAUSE : min(2 * $pause, self::MOST_PAUSE);
        }
        return [];
    }

    public function removeClient(int|string $clientID): void
    {
        unset($this->cursors[(string) $clientID], $this->missed[(string) $clientID]);
    }

    public function cursor(int|string|null $clientID = null): string
    {
        $known = $clientID === null ? '' : $this->cursors[(string) $clientID] ?? $this->since;
        if ($known !== '') {
            return $known;
        }
        $subscribe = ['op' => 'subscribe', 'channel' => $this->channel];
        $subscribed = $this->exchanges->now('', [$subscribe])->find('subscribed');
        return $subscribed->cursor ?? throw new StoreUnavailable('the gateway did not tell the end of the channel');
    }

    /**
     * Whether messages may be missing among those, or before those, that
     * getMessages() has returned to a client since this was last asked: the
     * gateway had them no more. Then what was built of the messages is to be
     * built anew.
     */
    public function missed(int|string $clientID): bool
    {
        $missed = isset($this->missed[(string) $clientID]);
        unset($this->missed[(string) $clientID]);
        return $missed;
    }

    /** @return array<string, mixed> */
    private function subscription(string $client): array
    {
        $since = $this->cursors[$client] ?? $this->since;
        return ['op' => 'subscribe', 'channel' => $this->channel, 'since' => $since, 'echo' => true];
    }

    /**
     * Adds an answer's messages to $new, and notes how far they go.
     *
     * @param array<int|string, mixed> $new
     */
    private function take(string $client, Answer $answer, array &$new): void
    {
        foreach ($answer->frames as $frame) {
            if (($frame->channel ?? null) !== $this->channel || !is_string($frame->cursor ?? null)) {
                continue;
            }
            if ($frame->op === 'gap' || ($frame->recovered ?? true) === false) {
                $this->missed[$client] = true;
            }
            if ($frame->op === 'message') {
                // The old library gives one id to two messages now and then.
                $id = (string) ($frame->id ?? '');
                $new[array_key_exists($id, $new) ? $frame->cursor : $id] = Envelope::message($frame);
            }
            $this->cursors[$client] = $frame->cursor;
        }
    }
}
