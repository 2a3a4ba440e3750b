<?php

declare(strict_types=1);

namespace CommChannel;

/** What all exceptions of this library about channels, messages and stores have in common. */
class CommException extends \RuntimeException
{
}
