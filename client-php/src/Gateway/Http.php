<?php

declare(strict_types=1);

namespace CommChannel\Gateway;

use CommChannel\Net\Deadline;
use CommChannel\Net\Socket;
use CommChannel\Net\SocketFailure;

/**
 * POSTs JSON to one URL. The connection is kept for the next request where the
 * server keeps it, and no request takes longer than its deadline: PHP's own
 * http:// streams know no bound but one for each single read.
 *
 * @internal
 */
final class Http
{
    /** Most bytes of an answer's body; the gateway's end at about 1 MiB. */
    private const MAX_BODY = 16 << 20;

    /** Most bytes of a header, and most headers. */
    private const MAX_LINE = 8192;
    private const MAX_HEADERS = 100;

    private string $address;
    private string $request;
    private ?Socket $socket = null;

    /** @param array<string, mixed> $tls PHP's SSL context options */
    public function __construct(string $url, private array $tls)
    {
        $u = parse_url($url);
        $scheme = $u['scheme'] ?? '';
        $host = $u['host'] ?? '';
        if (!in_array($scheme, ['http', 'https'], true) || $host === '' || preg_match('/[\x00-\x20\x7f]/', $url)) {
            throw new \InvalidArgumentException("a gateway's URL is like https://example.com/channel, got \"$url\"");
        }
        $port = $u['port'] ?? ($scheme === 'https' ? 443 : 80);
        $this->address = ($scheme === 'https' ? 'tls' : 'tcp') . "://$host:$port";
        $this->request = 'POST ' . ($u['path'] ?? '/') . (isset($u['query']) ? "?{$u['query']}" : '') . " HTTP/1.1\r\n"
            . "Host: $host" . (isset($u['port']) ? ":$port" : '') . "\r\n"
            . "Content-Type: application/json\r\nAccept: application/json\r\n";
    }

    /**
     * @return array{int, string} the answer's status and body
     *
     * @throws SocketFailure
     */
    public function post(string $body, Deadline $deadline): array
    {
        $socket = $this->socket;
        $this->socket = null; // what throws leaves a connection of no use
        if ($socket === null || !$socket->isIdle()) {
            $socket = Socket::connect($this->address, $deadline, $this->tls);
        }
        $socket->write($this->request . 'Content-Length: ' . strlen($body) . "\r\n\r\n$body", $deadline);
        do {
            [$status, $headers] = $this->head($socket, $deadline);
        } while ($status < 200);
        [$answer, $ended] = $this->body($socket, $headers, $deadline);
        if (!$ended && strtolower($headers['connection'] ?? '') !== 'close') {
            $this->socket = $socket;
        }
        return [$status, $answer];
    }

    /** @return array{int, array<string, string>} the status, and headers by name in lower case */
    private function head(Socket $socket, Deadline $deadline): array
    {
        $line = $socket->line(self::MAX_LINE, $deadline);
        if (!preg_match('~^HTTP/1\.([01]) (\d{3})\b~', $line, $m)) {
            throw new SocketFailure('no answer in HTTP');
        }
        // Who speaks 1.0 closes unless he says otherwise.
        return [(int) $m[2], $this->headers($socket, $deadline) + ($m[1] === '0' ? ['connection' => 'close'] : [])];
    }

    /** @return array<string, string> by name in lower case */
    private function headers(Socket $socket, Deadline $deadline): array
    {
        $headers = [];
        for ($n = 0; $n <= self::MAX_HEADERS; $n++) {
            $line = $socket->line(self::MAX_LINE, $deadline);
            if ($line === '') {
                return $headers;
            }
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $headers[strtolower($name)] = trim($value);
        }
        throw new SocketFailure('more than ' . self::MAX_HEADERS . ' headers');
    }

    /**
     * @param array<string, string> $headers
     *
     * @return array{string, bool} the body, and whether the connection ended with it
     */
    private function body(Socket $socket, array $headers, Deadline $deadline): array
    {
        if (strtolower($headers['transfer-encoding'] ?? '') === 'chunked') {
            return [$this->chunks($socket, $deadline), false];
        }
        if (!isset($headers['content-length'])) {
            return [$socket->readToEnd(self::MAX_BODY, $deadline), true];
        }
        if (!preg_match('/^\d{1,9}$/', $headers['content-length']) || $headers['content-length'] > self::MAX_BODY) {
            throw new SocketFailure("an answer of {$headers['content-length']} bytes");
        }
        return [$socket->read((int) $headers['content-length'], $deadline), false];
    }

    private function chunks(Socket $socket, Deadline $deadline): string
    {
        $body = '';
        do {
            $line = $socket->line(self::MAX_LINE, $deadline);
            if (!preg_match('/^([0-9a-f]{1,7})(?:$|[ ;])/i', $line, $m)) {
                throw new SocketFailure('a chunk without its length');
            }
            $length = (int) hexdec($m[1]);
            if (strlen($body) + $length > self::MAX_BODY) {
                throw new SocketFailure('an answer of more than ' . self::MAX_BODY . ' bytes');
            }
            if ($length > 0) {
                $body .= substr($socket->read($length + 2, $deadline), 0, -2);
            }
        } while ($length > 0);
        $this->headers($socket, $deadline); // may follow the last chunk, too
        return $body;
    }
}
