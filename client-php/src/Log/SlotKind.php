<?php

declare(strict_types=1);

namespace CommChannel\Log;

/** @internal */
enum SlotKind
{
    /** Not written yet, or no longer kept. */
    case Missing;
    case Message;
    /** Nothing is missing here. */
    case Void;
    /** A tombstone, or what can't be read: something may be missing here. */
    case Lost;
}
