<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * The store did not answer, or the channel stayed locked by others for longer
 * than one was willing to wait. Nothing was read; whether a message was stored
 * is known only to the store where the connection broke while it was sent.
 */
class StoreUnavailable extends CommException
{
}
