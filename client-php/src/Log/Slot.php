<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * What a number holds: nothing yet, a message, or that it will never hold one.
 *
 * @internal
 */
final class Slot
{
    /** What the flags of an item say. */
    public const FLAGS_MESSAGE = 0;
    public const FLAGS_TOMBSTONE = 1; // closed by a reader who waited in vain
    public const FLAGS_VOID = 2; // closed by its publisher, who had no use for the number

    /** The values of closed slots. No message begins with 0xff. */
    public const TOMBSTONE = "\xffT";
    public const VOID = "\xffV";

    private const VERSION = "\x01";
    private const HEADER = 6;

    private function __construct(
        public readonly SlotKind $kind,
        public readonly int $epoch = 0,
        public readonly string $id = '',
        public readonly string $text = '',
    ) {
    }

    /** A message's value; the id has 1 to 255 bytes. */
    public static function encode(int $epoch, string $id, string $text): string
    {
        return self::VERSION . pack('N', $epoch) . chr(strlen($id)) . $id . $text;
    }

    /** What can't be read is lost to this reader, and is told as such: another one may know more. */
    public static function of(?Item $item): self
    {
        return match (true) {
            $item === null => new self(SlotKind::Missing),
            $item->flags === self::FLAGS_VOID => new self(SlotKind::Void),
            $item->flags !== self::FLAGS_MESSAGE => new self(SlotKind::Lost),
            default => self::decode($item->value),
        };
    }

    public function isMessageOf(int $epoch): bool
    {
        return $this->kind === SlotKind::Message && $this->epoch === $epoch;
    }

    private static function decode(string $value): self
    {
        if (strlen($value) < self::HEADER || $value[0] !== self::VERSION) {
            return new self(SlotKind::Lost);
        }
        $size = ord($value[self::HEADER - 1]);
        $id = substr($value, self::HEADER, $size);
        $text = substr($value, self::HEADER + $size);
        if ($size === 0 || strlen($id) !== $size || preg_match('//u', $id) !== 1 || preg_match('//u', $text) !== 1) {
            return new self(SlotKind::Lost);
        }
        return new self(SlotKind::Message, unpack('N', $value, 1)[1], $id, $text);
    }
}
