<?php

// What the tests ask PHP.
//
//   php php.php write SEED COUNT   a line for each sample: {"name","text_b64","json"}, where
//                                  json is PHP's own json_encode of it, or null if it has none
//   php php.php read               reads lines {"text_b64","json"} and answers for each "same"
//                                  if the text's payload is what json_decode makes of json
//   php php.php try                reads texts in base64 and answers for each its json_encode,
//                                  "refused", or "?" if it is a value that JSON can't tell

ini_set('serialize_precision', '-1');
error_reporting(E_ALL & ~E_DEPRECATED);
set_error_handler(static fn (): bool => true);

class Base { private $hidden = 1; private $same = 'of Base'; protected $shielded = [true]; }
class Point extends Base { public $x = 1; private $same = 'of Point'; public $next; }
class Marked { public $__class = 'mine'; public $y = 2; }
class Custom { public function __serialize(): array { return [3, 'k' => 4]; } public function __unserialize(array $a): void {} }
class Old implements Serializable
{
    public function __construct(private mixed $v) {}
    public function serialize() { return serialize($this->v); }
    public function unserialize($text) { $this->v = unserialize($text); }
}
class Raw implements Serializable { public function serialize() { return "\xff\x00}"; } public function unserialize($text) {} }
enum Suit: string { case Hearts = 'H'; }

function tell(string $name, mixed $value, bool $comparable): void
{
    $json = $comparable ? json_encode($value, JSON_THROW_ON_ERROR, 512) : null;
    echo json_encode(['name' => $name, 'text_b64' => base64_encode(serialize($value)), 'json' => $json]), "\n";
}

function samples(): void
{
    $cycle = new stdClass;
    $cycle->self = $cycle;
    $own = [1];
    $own[] = &$own;
    $shared = new Point;
    $pair = new Point;
    $pair->next = $shared;
    $o = new stdClass;
    foreach ([
        'object with private properties' => new Point,
        'property called __class' => new Marked,
        'object with __serialize' => new Custom,
        'enum twice' => [Suit::Hearts, Suit::Hearts],
        'object in itself' => $cycle,
        'array in itself' => $own,
        'object twice' => [$shared, $pair],
        'Serializable' => new Old([1, 'two']),
        'Serializable of bytes' => new Raw,
        'references behind a Serializable' => [$o, new Old([1, 2]), $o, new Point, $cycle, $cycle],
        'not UTF-8' => ["a\xff", "k\xfe" => "\xc3\x28"],
        'no numbers' => [INF, -INF, NAN],
        'minus nought' => -0.0,
        'ArrayObject' => new ArrayObject([1, 2]),
        'SplObjectStorage' => (static function () use ($o) { $s = new SplObjectStorage; $s[$o] = 5; return $s; })(),
        'DateTime' => new DateTime('2020-01-02 03:04:05Z'),
    ] as $name => $value) {
        tell($name, $value, false);
    }
    foreach ([
        null, true, false, 0, -1, PHP_INT_MAX, PHP_INT_MIN, 2 ** 53 + 1, 0.1, 1.0, -1.5, 1e15, 1e21, 1e-7, 5e-324,
        PHP_FLOAT_MAX, PHP_FLOAT_MIN, 123456789012345680.0, '', 'a', "\0", "\0*\0x", "\u{2028}é😀\x7f\"\\/\n", 's:5:"x";',
        [], [[]], [1, 2], [1 => 1], [1 => 1, 0 => 0], ['0' => 'a', '1' => 'b'], ['01' => 1, '-5' => 2, '-0' => 3, '' => 4],
        [PHP_INT_MAX => 1, PHP_INT_MIN => 2, '9223372036854775808' => 3], ["\0k" => 1], new stdClass, [new stdClass],
        ['type' => 'ask', 'id' => '6b0386a5611b6', 'payload' => ['deep' => [[[[1.5]]]]]],
    ] as $i => $value) {
        tell("comparable $i", $value, true);
    }
}

/** A random value, which may hold earlier ones again, as object or by reference. */
function chance(int $depth, array &$earlier): mixed
{
    switch (mt_rand(0, $depth > 0 ? 11 : 6)) {
        case 0: return [null, true, false][mt_rand(0, 2)];
        case 1: return mt_rand(-10, 10);
        case 2: return unpack('q', random(8))[1];
        case 3: $f = unpack('d', random(8))[1]; return is_finite($f) ? $f : 0.5;
        case 4: return mt_rand(-1000, 1000) / 8;
        case 5: return chr(mt_rand(0, 127)) . letter(mt_rand(0x80, 0xd7ff)) . letter(mt_rand(0xe000, 0x10ffff)) . str_repeat('x', mt_rand(0, 3));
        case 6: return $earlier ? $earlier[mt_rand(0, count($earlier) - 1)] : 'none';
        case 7: case 8:
            $list = [];
            for ($n = mt_rand(0, 5); $n > 0; $n--) { $list[] = chance($depth - 1, $earlier); }
            if (count($list) > 1 && mt_rand(0, 2) == 0) { $list[1] = &$list[0]; }
            return $list;
        case 9: case 10:
            $map = [];
            for ($n = mt_rand(0, 5); $n > 0; $n--) {
                $key = mt_rand(0, 1) ? mt_rand(-3, 5) : chr(mt_rand(0, 127)) . letter(mt_rand(0x80, 0x7ff)) . mt_rand(0, 9);
                $map[$key] = chance($depth - 1, $earlier);
            }
            return $map;
    }
    $o = new stdClass;
    for ($n = mt_rand(0, 4); $n > 0; $n--) { $o->{'p' . mt_rand(0, 9)} = chance($depth - 1, $earlier); }
    return $earlier[] = $o;
}

/** A character beyond ASCII, in UTF-8. */
function letter(int $code): string
{
    $rest = static fn (int $shift): string => chr(0x80 | $code >> $shift & 0x3f);
    return match (true) {
        $code < 0x800 => chr(0xc0 | $code >> 6) . $rest(0),
        $code < 0x10000 => chr(0xe0 | $code >> 12) . $rest(6) . $rest(0),
        default => chr(0xf0 | $code >> 18) . $rest(12) . $rest(6) . $rest(0),
    };
}

function random(int $bytes): string
{
    for ($s = ''; strlen($s) < $bytes;) { $s .= chr(mt_rand(0, 255)); }
    return $s;
}

switch ($argv[1]) {
    case 'write':
        samples();
        mt_srand((int) $argv[2]);
        for ($i = 0; $i < (int) $argv[3]; $i++) {
            $earlier = [];
            tell("random $i", chance(5, $earlier), true);
        }
        break;
    case 'read':
        while (($line = fgets(STDIN)) !== false) {
            $ask = json_decode($line, true);
            $got = unserialize(base64_decode($ask['text_b64']), ['allowed_classes' => false]);
            // serialize tells types, order and the sign of nought, as === does not.
            $got = serialize($got['payload'] ?? null);
            $want = serialize(json_decode($ask['json'], true, 512, JSON_THROW_ON_ERROR));
            echo $got === $want ? 'same' : json_encode([$got, $want], JSON_INVALID_UTF8_SUBSTITUTE), "\n";
        }
        break;
    case 'try':
        while (($line = fgets(STDIN)) !== false) {
            $text = base64_decode($line);
            $got = unserialize($text, ['allowed_classes' => false]);
            if ($got === false && $text !== 'b:0;') {
                echo "refused\n";
                continue;
            }
            $json = json_encode($got);
            echo $json === false ? '?' : $json, "\n";
        }
}
