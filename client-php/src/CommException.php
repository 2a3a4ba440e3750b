<?php

declare(strict_types=1);

namespace CommChannel;

/** What all exceptions of this library about channels, messages and stores have in common. */
class CommException extends \RuntimeException
{
    /**
     * @param string $gatewayCode the code by which the gateway's protocol names the
     *                            failure, such as "too_large"; "" if it was not the gateway that told
     */
    public function __construct(
        string $message = '',
        int $code = 0,
        ?\Throwable $previous = null,
        public readonly string $gatewayCode = '',
    ) {
        parent::__construct($message, $code, $previous);
    }
}
