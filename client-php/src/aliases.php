<?php

declare(strict_types=1);

// The seed's classes had no namespace. Their names still work: whoever first
// mentions one loads the class of the same name below, which ends its own file
// by giving itself that alias. So both names are always one class, whichever
// is used first, and a site that still loads the old library keeps the old
// classes under the short names.

spl_autoload_register(static function (string $class): void {
    switch ($class) {
        case 'CommStore':
        case 'MemcacheCommStore':
        case 'CommChannel':
        case 'JSCommChannel':
        case 'NativeCommChannel':
            class_exists('CommChannel\\' . $class);
    }
});
