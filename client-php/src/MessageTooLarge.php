<?php

declare(strict_types=1);

namespace CommChannel;

/** A message for which the channel has no room, alone or beside those already there. The channel is as it was. */
class MessageTooLarge extends MessageRefused
{
}
