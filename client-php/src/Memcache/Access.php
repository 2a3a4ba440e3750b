<?php

declare(strict_types=1);

namespace CommChannel\Memcache;

use CommChannel\CommException;

/** How MemcacheCommStore speaks to memcached. All ways share their channels. */
enum Access
{
    /** By the PHP extension `memcache`. */
    case Extension;

    /** By a connection of the library's own, which needs no extension. */
    case Socket;

    /** The extension if it is loaded. */
    public static function best(): self
    {
        return extension_loaded('memcache') ? self::Extension : self::Socket;
    }

    /**
     * @internal
     *
     * @throws CommException if the extension is not there
     */
    public function open(string $host, int $port): Link
    {
        return $this === self::Extension ? new ExtensionLink($host, $port) : new SocketLink($host, $port);
    }
}
