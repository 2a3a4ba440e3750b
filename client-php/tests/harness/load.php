<?php

declare(strict_types=1);

require_once __DIR__ . '/Failure.php';
require_once __DIR__ . '/claims.php';
require_once __DIR__ . '/await.php';
require_once __DIR__ . '/Runner.php';
require_once __DIR__ . '/Source.php';
require_once __DIR__ . '/Child.php';
require_once __DIR__ . '/MemcachedServer.php';
require_once __DIR__ . '/GatewayServer.php';
require_once __DIR__ . '/LogBench.php';
