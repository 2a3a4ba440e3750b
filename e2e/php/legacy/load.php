<?php

// Loads the library on PHP 8.2, whose deprecations it predates.

error_reporting(E_ALL & ~E_DEPRECATED);

require_once __DIR__ . '/MemcacheCommStore.php';
require_once __DIR__ . '/CommChannel.php';
require_once __DIR__ . '/JSCommChannel.php';
require_once __DIR__ . '/NativeCommChannel.php';
