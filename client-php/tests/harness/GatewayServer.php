<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/** The real gateway on a free port of the loopback, as a child process. */
final class GatewayServer
{
    /** Where it is, from the first start on. */
    public string $address = '127.0.0.1:0';

    /** @var resource|null */
    private $process = null;

    /** @param list<string> $options of the command */
    public function __construct(private array $options = [])
    {
        $this->start();
    }

    public function __destruct()
    {
        $this->kill();
    }

    public function url(): string
    {
        return "http://{$this->address}/channel";
    }

    /** Starts it, and again at the same address. */
    public function start(): void
    {
        $log = tempnam(sys_get_temp_dir(), 'gateway');
        $command = [self::binary(), '--listen', $this->address, '--log-format', 'json', ...$this->options];
        $this->process = proc_open($command, [2 => ['file', $log, 'w']], $pipes);
        try {
            await('the gateway', function () use ($log): bool {
                claim(proc_get_status($this->process)['running'], 'the gateway runs: ' . file_get_contents($log));
                $ready = preg_match('/"listen":"([^"]+)"/', (string) file_get_contents($log), $m) === 1;
                $this->address = $ready ? $m[1] : $this->address;
                return $ready;
            });
        } finally {
            unlink($log);
        }
    }

    /** Ends it in order: its clients are sent away. */
    public function stop(): void
    {
        proc_terminate($this->process, SIGTERM);
        proc_close($this->process);
        $this->process = null;
    }

    /** Asks it to end in order, and does not wait for that. */
    public function askToStop(): void
    {
        proc_terminate($this->process, SIGTERM);
    }

    /** Ends it as a crash would. */
    public function kill(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process, SIGKILL);
            proc_close($this->process);
            $this->process = null;
        }
    }

    public function pause(): void
    {
        posix_kill(proc_get_status($this->process)['pid'], SIGSTOP);
        await('the gateway to stop', fn (): bool => proc_get_status($this->process)['stopped']);
    }

    public function resume(): void
    {
        posix_kill(proc_get_status($this->process)['pid'], SIGCONT);
    }

    /** The binary, built once from the sources around this package. */
    private static function binary(): string
    {
        static $binary = null;
        if ($binary === null) {
            $binary = tempnam(sys_get_temp_dir(), 'gateway');
            register_shutdown_function(unlink(...), $binary);
            $build = proc_open(['go', 'build', '-o', $binary, './cmd/gateway'], [], $pipes, dirname(__DIR__, 3));
            claim(is_resource($build) && proc_close($build) === 0, 'go builds the gateway');
        }
        return $binary;
    }
}
