<?php

declare(strict_types=1);

namespace CommChannel\E2E;

use CommChannel\Tests\Failure;

/** A running agent.php. */
final class Agent
{
    /** @var resource */
    private $process;

    /** @var array<int, resource> */
    private array $pipes = [];

    public function __construct(string $library, int $port, string $channel, string $clientID, string $class)
    {
        $command = [PHP_BINARY, __DIR__ . '/../agent.php', $library, "127.0.0.1:$port", $channel, $clientID, $class];
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w']], $this->pipes);
    }

    /** @param array<string, mixed> $command */
    public function tell(array $command): void
    {
        fwrite($this->pipes[0], json_encode($command, JSON_THROW_ON_ERROR) . "\n");
    }

    /**
     * The next answer, as it is.
     *
     * @return array<string, mixed>
     */
    public function hear(): array
    {
        return json_decode((string) fgets($this->pipes[1]), true, 512, JSON_THROW_ON_ERROR);
    }

    /**
     * Tells and hears; the answer has to be good.
     *
     * @param array<string, mixed> $command
     *
     * @return array<string, mixed>
     */
    public function do(array $command): array
    {
        $this->tell($command);
        $answer = $this->hear();
        if (!$answer['ok']) {
            throw new Failure("{$answer['class']}: {$answer['error']}");
        }
        return $answer;
    }

    /** @return list<mixed> */
    public function get(): array
    {
        return $this->do(['do' => 'get'])['messages'];
    }

    /** The exit code. */
    public function quit(): int
    {
        $this->do(['do' => 'quit']);
        return proc_close($this->process);
    }
}
