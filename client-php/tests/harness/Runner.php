<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/**
 * Runs named tests, each a closure that throws if it fails. Whatever PHP
 * complains of during a test, deprecations included, is such a throw.
 */
final class Runner
{
    private int $passed = 0;
    private int $failed = 0;

    /** @var list<string> */
    private array $only;

    /** @param string ...$only run only tests whose name contains one of these */
    public function __construct(string ...$only)
    {
        $this->only = array_values($only);
        error_reporting(E_ALL);
        set_error_handler(static function (int $level, string $text, string $file, int $line): bool {
            if ((error_reporting() & $level) === 0) {
                return false;
            }
            throw new \ErrorException($text, 0, $level, $file, $line);
        });
    }

    /** @param array<string, callable(): void> $tests by name */
    public function run(string $suite, array $tests): void
    {
        foreach ($tests as $name => $test) {
            $name = "$suite: $name";
            if (!$this->isWanted($name)) {
                continue;
            }
            $start = hrtime(true);
            try {
                $test();
                $this->passed++;
                printf("ok    %s (%d ms)\n", $name, (hrtime(true) - $start) / 1e6);
            } catch (\Throwable $e) {
                $this->failed++;
                printf("FAIL  %s\n      %s\n", $name, str_replace("\n", "\n      ", self::describe($e)));
            }
        }
    }

    private function isWanted(string $name): bool
    {
        foreach ($this->only as $part) {
            if (str_contains($name, $part)) {
                return true;
            }
        }
        return $this->only === [];
    }

    /** Prints the result as the last line; the exit code of the whole run. */
    public function finish(): int
    {
        printf("%d passed, %d failed\n", $this->passed, $this->failed);
        return $this->failed === 0 && $this->passed > 0 ? 0 : 1;
    }

    private static function describe(\Throwable $e): string
    {
        if ($e instanceof Failure) {
            $at = $e->getTrace()[0];
            return sprintf("%s:%d: %s", basename($at['file'] ?? '?'), $at['line'] ?? 0, $e->getMessage());
        }
        return sprintf("%s: %s\n%s:%d\n%s", $e::class, $e->getMessage(), $e->getFile(), $e->getLine(), $e->getTraceAsString());
    }
}
