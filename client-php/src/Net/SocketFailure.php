<?php

declare(strict_types=1);

namespace CommChannel\Net;

/**
 * A connection that could not be made, is gone, or is silent for too long.
 *
 * @internal
 */
final class SocketFailure extends \RuntimeException
{
    /** @param bool $lost the connection was there and was ended by the other side */
    public function __construct(string $message, public readonly bool $lost = false)
    {
        parent::__construct($message);
    }
}
