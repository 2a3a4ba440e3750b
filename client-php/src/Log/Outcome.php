<?php

declare(strict_types=1);

namespace CommChannel\Log;

/**
 * What memcached says of a command.
 *
 * @internal
 */
enum Outcome
{
    /** Stored, counted, read. */
    case Done;
    /** It was there already; for cas: it is another one. */
    case NotStored;
    case NotFound;
    case TooLarge;
    /** For want of memory, or because the item is no number. */
    case Refused;
}
