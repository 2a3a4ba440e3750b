<?php

declare(strict_types=1);

// What a page that PHP renders has behind it, for tests: a channel "room" in a
// store, and rows in a file.
//
//   STORE=memcache|log|gateway  AT=HOST:PORT, of a gateway its URL  ROWS=FILE
//
// ROWS has one JSON object {"id","text"} a line.

ini_set('display_errors', 'stderr');
error_reporting(E_ALL);
require __DIR__ . '/../../client-php/autoload.php';

function store(): CommChannel\CommStore
{
    $at = (string) getenv('AT');
    return match (getenv('STORE')) {
        'memcache' => new MemcacheCommStore(explode(':', $at)[0], explode(':', $at)[1], 'room'),
        'log' => new CommChannel\LogCommStore($at, 'room'),
        'gateway' => new CommChannel\GatewayCommStore($at, 'room'),
    };
}

/** Adds a row as a site does: to what it keeps, and by a message to those who are looking. */
function add_row(string $text): void
{
    $row = ['id' => "row-$text", 'text' => $text];
    file_put_contents((string) getenv('ROWS'), json_encode($row) . "\n", FILE_APPEND | LOCK_EX);
    (new JSCommChannel(store(), uniqid('site_')))->send('row', $row);
}

/**
 * All rows. Somebody adds one while the page that wants them is rendered.
 *
 * @return list<array{id: string, text: string}>
 */
function load_rows(): array
{
    $file = (string) getenv('ROWS');
    add_row('while rendering ' . count(file($file)));
    return array_map(static fn (string $line): array => json_decode($line, true), file($file));
}
