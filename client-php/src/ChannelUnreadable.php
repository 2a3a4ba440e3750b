<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * What the store holds for the channel is not what this library or the old one
 * writes. It is left alone; in memcached it goes by itself 30 seconds after
 * it was last written.
 */
class ChannelUnreadable extends CommException
{
}
