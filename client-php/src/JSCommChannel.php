<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * A channel of typed messages, shared with browsers: each is the text of a
 * JSON object with type, payload and from.
 */
class JSCommChannel extends CommChannel
{
    /**
     * Sends a message of a type; $msg is anything that JSON can carry. It is
     * written as both "payload", which browsers read, and "msg", which the old
     * PHP library reads. Returns the message's id.
     *
     * @throws MessageRefused
     * @throws StoreUnavailable
     */
    public function send(mixed $type, mixed $msg = null): string
    {
        if (!is_scalar($type)) {
            throw new MessageRefused('a message type is a string, not ' . get_debug_type($type));
        }
        return parent::send(Json::encode([
            'type' => (string) $type,
            'payload' => $msg,
            'msg' => $msg,
            'from' => $this->clientID,
        ]));
    }

    /**
     * The messages sent since the last call, oldest first, one's own included,
     * wherever they come from. Each has
     *
     *  - type: a string;
     *  - msg and payload: the same, objects as associative arrays;
     *  - from: the sender's client id as a string, "" if it named none. Browsers
     *    often use numbers, which become their decimal text.
     *
     * A message that is no JSON object with a string "type" has type "" and is
     * itself the msg and the payload.
     *
     * @return list<array{type: string, msg: mixed, payload: mixed, from: string}>
     */
    public function getMessages(): array
    {
        return array_map(self::read(...), parent::getMessages());
    }

    /** @return list<array{type: string, msg: mixed, payload: mixed, from: string}> */
    public function waitForMessages(float $seconds): array
    {
        return array_map(self::read(...), parent::waitForMessages($seconds));
    }

    /** @return array{type: string, msg: mixed, payload: mixed, from: string} */
    private static function read(mixed $message): array
    {
        $m = is_string($message) ? json_decode($message, true) : null;
        if (!is_array($m) || !is_string($m['type'] ?? null)) {
            return ['type' => '', 'msg' => $message, 'payload' => $message, 'from' => ''];
        }
        $payload = array_key_exists('payload', $m) ? $m['payload'] : $m['msg'] ?? null;
        $from = $m['from'] ?? '';
        return [
            'type' => $m['type'],
            'msg' => $payload,
            'payload' => $payload,
            'from' => is_string($from) || is_int($from) || is_float($from) ? (string) $from : '',
        ];
    }
}

if (!class_exists('JSCommChannel', false)) {
    class_alias(JSCommChannel::class, 'JSCommChannel');
}
