<?php

declare(strict_types=1);

namespace CommChannel\Gateway;

use CommChannel\CommException;
use CommChannel\GatewayRefused;
use CommChannel\Json;
use CommChannel\MessageTooLarge;
use CommChannel\Net\Deadline;
use CommChannel\Net\SocketFailure;
use CommChannel\StoreUnavailable;

/**
 * Long-poll exchanges with a gateway: an array of frames out, an array of
 * frames back. An exchange leaves nothing behind at the gateway, so one that
 * failed may be done again.
 *
 * @internal
 */
final class Exchanges
{
    /** What would fail again. All other codes, those of later versions included, are the gateway's trouble. */
    private const FINAL = [
        'bad_frame', 'bad_channel', 'bad_client', 'unknown_op', 'too_many_channels', 'not_subscribed',
        'unauthorized', 'token_expired', 'forbidden', 'rate_limited',
    ];

    /** Seconds that a gateway which goes away may have its clients wait, at most. */
    private const MAX_AWAY = 10.0;

    private Http $http;

    /** When a gateway that has gone away wants its clients back. */
    private Deadline $back;

    /**
     * @param string               $token   "" for none
     * @param float                $timeout seconds for one exchange that is answered at once
     * @param array<string, mixed> $tls     PHP's SSL context options
     */
    public function __construct(
        private string $url,
        private string $token,
        private float $timeout,
        array $tls,
    ) {
        $this->http = new Http($url, $tls);
        $this->back = Deadline::in(0.0);
    }

    /** Waits until the gateway, if it has gone away, wants its clients back. False if the deadline is before that. */
    public function comeBack(Deadline $deadline): bool
    {
        $deadline->sleep($this->back->left());
        return $this->back->passed();
    }

    /**
     * Does an exchange that the gateway answers at once, and if it fails for
     * want of the gateway, once more. If the gateway has gone away, that is
     * when it wants its clients back.
     *
     * @param string                     $client "" to let the gateway choose
     * @param list<array<string, mixed>> $frames those after "hello"
     *
     * @throws CommException also for an error that a single frame was answered with
     */
    public function now(string $client, array $frames): Answer
    {
        $this->comeBack(Deadline::in(self::MAX_AWAY));
        try {
            return $this->exchange($client, $frames, Deadline::in($this->timeout));
        } catch (StoreUnavailable) {
            usleep(random_int(100_000, 300_000)); // a gateway may just be replaced by the next
            return $this->exchange($client, $frames, Deadline::in($this->timeout));
        }
    }

    /**
     * Does an exchange that the gateway holds until there is something to
     * tell. The answer is empty, too, if that is not before the deadline, or
     * if it fails: now() finds out.
     *
     * @param list<array<string, mixed>> $frames those after "hello"
     *
     * @throws CommException
     */
    public function held(string $client, array $frames, Deadline $deadline): Answer
    {
        try {
            return $this->exchange($client, $frames, $deadline);
        } catch (StoreUnavailable) {
            return new Answer([]);
        }
    }

    /** @param list<array<string, mixed>> $frames */
    private function exchange(string $client, array $frames, Deadline $deadline): Answer
    {
        $hello = ['op' => 'hello', 'clientid' => $client, 'token' => $this->token];
        $body = Json::encode([$hello, ...$frames], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
        try {
            [$status, $text] = $this->http->post($body, $deadline);
        } catch (SocketFailure $e) {
            throw new StoreUnavailable("{$this->url}: {$e->getMessage()}", 0, $e);
        }
        $answer = Json::decode($text);
        if ($status !== 200 || !is_array($answer)) {
            throw $this->failure($answer, "status $status and no answer of a gateway");
        }
        $answered = new Answer($this->check(array_values($answer)), strlen($text));
        $retry = $answered->find('bye')->retry ?? 0;
        if (is_int($retry) && $retry > 0) {
            $this->back = Deadline::in(min($retry / 1000, self::MAX_AWAY));
        }
        return $answered;
    }

    /**
     * @param list<mixed> $answer
     *
     * @return list<\stdClass>
     */
    private function check(array $answer): array
    {
        $frames = [];
        foreach ($answer as $frame) {
            $frame = is_array($frame) ? (object) $frame : $frame;
            if (!$frame instanceof \stdClass || !is_string($frame->op ?? null)) {
                throw $this->failure(null, 'an answer that is none of a gateway');
            }
            if ($frame->op === 'error') {
                throw $this->failure($frame, '');
            }
            $frames[] = $frame;
        }
        return $frames;
    }

    /** The exception for an error frame, or for the error that is an HTTP answer's body. */
    private function failure(mixed $error, string $else): CommException
    {
        if (!$error instanceof \stdClass || !is_string($error->code ?? null)) {
            return new StoreUnavailable("{$this->url}: $else");
        }
        $code = $error->code;
        $text = "{$this->url}: $code: " . (is_string($error->message ?? null) ? $error->message : '');
        return match (true) {
            $code === 'too_large' => new MessageTooLarge($text, gatewayCode: $code),
            in_array($code, self::FINAL, true) => new GatewayRefused($text, gatewayCode: $code),
            default => new StoreUnavailable($text, gatewayCode: $code),
        };
    }
}
