<?php

declare(strict_types=1);

// For sites without Composer: require this one file.

spl_autoload_register(static function (string $class): void {
    $prefix = 'CommChannel\\';
    if (!str_starts_with($class, $prefix)) {
        return;
    }
    $file = __DIR__ . '/src/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
    if (is_file($file)) {
        require $file;
    }
});

require_once __DIR__ . '/src/aliases.php';
