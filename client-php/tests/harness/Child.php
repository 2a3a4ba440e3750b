<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/** A PHP process with the extensions of this one. Its stderr is this process's. */
final class Child
{
    /** Those of the tests that may come as shared objects, each after what it needs. */
    private const EXTENSIONS = ['posix', 'zlib', 'openssl', 'memcache', 'igbinary', 'msgpack', 'memcached'];

    /** @var resource|null */
    private $process;

    /** @var resource */
    private $stdout;

    private ?int $exitCode = null;

    /** @param list<string> $arguments */
    private function __construct(array $arguments)
    {
        $this->process = proc_open([...self::php(), ...$arguments], [1 => ['pipe', 'w']], $pipes);
        $this->stdout = $pipes[1];
    }

    public function __destruct()
    {
        $this->kill();
    }

    /** Starts a script of this directory. */
    public static function start(string $script, string ...$arguments): self
    {
        return new self([__DIR__ . '/' . $script, ...$arguments]);
    }

    /** Starts canned.php and tells its address. */
    public static function canned(?self &$child, string $mode, string ...$texts): string
    {
        $child = self::start('canned.php', $mode, ...array_map(base64_encode(...), $texts));
        return "127.0.0.1:{$child->line()}";
    }

    /** @return list<string> the command that is PHP, as it runs here: with its configuration or without */
    public static function php(): array
    {
        if (php_ini_loaded_file() !== false) {
            return [PHP_BINARY];
        }
        return [PHP_BINARY, '-n', ...self::load(array_filter(self::EXTENSIONS, extension_loaded(...)))];
    }

    /**
     * @param array<string> $extensions
     *
     * @return list<string> the arguments that load those which are not built in
     */
    public static function load(array $extensions): array
    {
        $arguments = [];
        foreach ($extensions as $name) {
            if (is_file(ini_get('extension_dir') . "/$name.so")) {
                array_push($arguments, '-d', "extension=$name");
            }
        }
        return $arguments;
    }

    /** The next line of its output, without the end. */
    public function line(): string
    {
        return rtrim((string) fgets($this->stdout), "\n");
    }

    /** How many more lines it has written by now. */
    public function lines(): int
    {
        stream_set_blocking($this->stdout, false);
        $text = stream_get_contents($this->stdout);
        stream_set_blocking($this->stdout, true);
        return substr_count($text, "\n");
    }

    public function isDone(): bool
    {
        $status = proc_get_status($this->process);
        if (!$status['running'] && $status['exitcode'] >= 0) {
            $this->exitCode = $status['exitcode']; // PHP tells it only once
        }
        return !$status['running'];
    }

    /** Waits for its end; its exit code. */
    public function end(): int
    {
        $process = $this->process;
        $this->process = null;
        $exitCode = proc_close($process);
        return $this->exitCode ?? $exitCode;
    }

    public function kill(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process, SIGKILL);
            $this->end();
        }
    }
}
