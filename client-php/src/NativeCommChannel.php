<?php

declare(strict_types=1);

namespace CommChannel;

use CommChannel\Net\Deadline;

/**
 * A channel of typed PHP values and replies to them, between PHP processes.
 *
 * A message is the array type, id, payload. What has been fetched waits in
 * this object until it is asked for, by type if wished.
 */
class NativeCommChannel extends CommChannel
{
    /** Most messages that wait in this object; beyond them, the oldest are dropped. */
    private const MAX_WAITING = 10000;

    /** @var list<array{type: string, id: string, payload: mixed}> */
    private array $waiting = [];

    /**
     * @param list<class-string> $allowedClasses the classes whose objects messages may bring to
     *     life. Whoever can write to the channel chooses what they hold, so name only such as do
     *     nothing of note when they are created or destroyed. Objects of all others come as
     *     __PHP_Incomplete_Class; a message with an enum of another class is not read
     */
    public function __construct(CommStore $store, int|string $clientID, private array $allowedClasses = [])
    {
        parent::__construct($store, $clientID);
    }

    /**
     * Sends any value that serialize() takes, as long as its strings are
     * UTF-8, and returns the id under which it can be answered.
     *
     * @throws MessageRefused
     * @throws StoreUnavailable
     */
    public function send(mixed $payload, string $type = 'message'): string
    {
        $id = MessageID::make();
        $this->write($type, $id, $payload);
        return $id;
    }

    /**
     * Answers a message: one that was received, or its id. A reply has the
     * type "reply" and the id of the message that it answers.
     *
     * @param array{id: string, ...}|string $to
     *
     * @throws MessageRefused
     * @throws StoreUnavailable
     */
    public function reply(array|string $to, mixed $payload): void
    {
        $this->write('reply', is_array($to) ? $to['id'] : $to, $payload);
    }

    /**
     * The messages that wait, oldest first, or those of one type; the others
     * go on waiting. A text that no NativeCommChannel wrote has type "" and is
     * itself the payload.
     *
     * @return list<array{type: string, id: string, payload: mixed}>
     *
     * @throws StoreUnavailable
     */
    public function getMessages(?string $type = null): array
    {
        $this->fetch();
        return $this->take($type);
    }

    /**
     * As getMessages(), but if there is none, it waits until there is,
     * $seconds at most.
     *
     * @return list<array{type: string, id: string, payload: mixed}>
     *
     * @throws StoreUnavailable
     */
    public function waitForMessages(float $seconds, ?string $type = null): array
    {
        $deadline = Deadline::in($seconds);
        $wanted = $this->getMessages($type);
        while ($wanted === [] && !$deadline->passed()) {
            $this->fetch($deadline->left());
            $wanted = $this->take($type);
        }
        return $wanted;
    }

    /**
     * The oldest waiting message of an id, and of a type if given; false if
     * there is none. It goes on waiting.
     *
     * @return array{type: string, id: string, payload: mixed}|false
     *
     * @throws StoreUnavailable
     */
    public function getMessage(string $id, ?string $type = null): array|false
    {
        $this->fetch();
        $i = $this->find($id, $type);
        return $i === null ? false : $this->waiting[$i];
    }

    /**
     * Sends a message and waits for the first reply to it; false if none came
     * within $timeout seconds. All else that comes meanwhile waits.
     *
     * @return array{type: string, id: string, payload: mixed}|false
     *
     * @throws MessageRefused
     * @throws StoreUnavailable
     */
    public function sendAndWait(mixed $payload, string $type = 'message', float $timeout = 10.0): array|false
    {
        $this->fetch(); // joins the channel, or else a quick reply would be missed
        $id = $this->send($payload, $type);
        $deadline = Deadline::in($timeout);
        for (;;) {
            $i = $this->find($id, 'reply');
            if ($i !== null) {
                return array_splice($this->waiting, $i, 1)[0];
            }
            if ($deadline->passed()) {
                return false;
            }
            $this->fetch($deadline->left());
        }
    }

    private function write(string $type, string $id, mixed $payload): void
    {
        try {
            $text = serialize(['type' => $type, 'id' => $id, 'payload' => $payload]);
        } catch (\Exception $e) {
            throw new MessageRefused('PHP can not serialize this: ' . $e->getMessage(), 0, $e);
        }
        parent::send($text);
    }

    /** @param float $seconds to wait if there is nothing new */
    private function fetch(float $seconds = 0.0): void
    {
        foreach ($this->receive($seconds) as $storeID => $message) {
            $this->waiting[] = $this->read((string) $storeID, $message);
        }
        $this->waiting = array_slice($this->waiting, -self::MAX_WAITING);
    }

    /** @return list<array{type: string, id: string, payload: mixed}> */
    private function take(?string $type): array
    {
        $wanted = [];
        $others = [];
        foreach ($this->waiting as $m) {
            if ($type === null || $m['type'] === $type) {
                $wanted[] = $m;
            } else {
                $others[] = $m;
            }
        }
        $this->waiting = $others;
        return $wanted;
    }

    private function find(string $id, ?string $type): ?int
    {
        foreach ($this->waiting as $i => $m) {
            if ($m['id'] === $id && ($type === null || $m['type'] === $type)) {
                return $i;
            }
        }
        return null;
    }

    /** @return array{type: string, id: string, payload: mixed} */
    private function read(string $storeID, mixed $message): array
    {
        $m = is_string($message) && str_starts_with($message, 'a:')
            ? SerializedText::value($message, $this->allowedClasses)
            : null;
        if (
            is_array($m) && is_string($m['type'] ?? null) && is_string($m['id'] ?? null)
            && array_key_exists('payload', $m)
        ) {
            return ['type' => $m['type'], 'id' => $m['id'], 'payload' => $m['payload']];
        }
        return ['type' => '', 'id' => $storeID, 'payload' => $message];
    }
}

if (!class_exists('NativeCommChannel', false)) {
    class_alias(NativeCommChannel::class, 'NativeCommChannel');
}
