<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * Messages that follow each other.
 *
 * @internal
 */
final class Page
{
    /** @var list<Message> */
    public array $messages = [];

    /** Bytes of their texts. */
    public int $size = 0;

    /** Something may be missing before the first message. */
    public bool $gap = false;

    /** The place behind the last message; without one, that up to which there is none. */
    public string $cursor = '';

    /** There may be more behind it already. */
    public bool $more = false;
}
