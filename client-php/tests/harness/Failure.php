<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/** A test's claim that does not hold. */
final class Failure extends \Exception
{
}
