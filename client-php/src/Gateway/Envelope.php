<?php

declare(strict_types=1);

namespace CommChannel\Gateway;

use CommChannel\Json;
use CommChannel\MessageRefused;

/**
 * Makes frames of a CommStore's messages and messages of frames. A text as
 * JSCommChannel writes it becomes a frame with its type and payload; anything
 * else is the payload of a frame with the type "".
 *
 * @internal
 */
final class Envelope
{
    private const FIELDS = ['type' => true, 'payload' => true, 'msg' => true, 'from' => true, 'reply_to' => true];

    /**
     * @return array{string, array<string, mixed>} the sender, "" if the message
     *                                              tells none, and the fields of a "send"
     *
     * @throws MessageRefused
     */
    public static function fields(mixed $msg): array
    {
        $m = is_string($msg) ? json_decode($msg) : null;
        if (!$m instanceof \stdClass || !self::isWhole($m)) {
            Json::encode($msg);
            return ['', ['type' => '', 'payload' => $msg]];
        }
        $payload = property_exists($m, 'payload') ? $m->payload : $m->msg ?? null;
        $fields = ['type' => $m->type, 'payload' => $payload];
        return [$m->from ?? '', isset($m->reply_to) ? $fields + ['reply_to' => $m->reply_to] : $fields];
    }

    /**
     * The message that a "message" frame carries, as CommStore::getMessages()
     * returns it. Never throws: numbers too large for PHP, which it has as INF
     * and could not write again, are 0.
     */
    public static function message(\stdClass $frame): mixed
    {
        $type = $frame->type ?? '';
        $payload = $frame->payload ?? null;
        if ($type === '') {
            return Json::plain($payload, JSON_PARTIAL_OUTPUT_ON_ERROR);
        }
        $m = ['type' => $type, 'payload' => $payload, 'msg' => $payload];
        foreach (['from', 'reply_to'] as $field) {
            if (isset($frame->$field)) {
                $m[$field] = $frame->$field;
            }
        }
        return Json::encode($m, JSON_PARTIAL_OUTPUT_ON_ERROR);
    }

    /** Whether a frame carries all that this object says. */
    private static function isWhole(\stdClass $m): bool
    {
        return is_string($m->type ?? null)
            && array_diff_key((array) $m, self::FIELDS) === []
            && is_string($m->from ?? '') && is_string($m->reply_to ?? '')
            && (!property_exists($m, 'payload') || !property_exists($m, 'msg')
                || Json::encode($m->payload) === Json::encode($m->msg));
    }
}
