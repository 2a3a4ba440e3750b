<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * The gateway does not do what it was asked for, and won't if asked again:
 * $gatewayCode says why, such as "forbidden", "unauthorized" or "bad_channel".
 */
class GatewayRefused extends CommException
{
}
