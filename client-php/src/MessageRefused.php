<?php

declare(strict_types=1);

namespace CommChannel;

/** A message that no store can carry, such as text that is not UTF-8. The channel is as it was. */
class MessageRefused extends CommException
{
}
