<?php

declare(strict_types=1);

namespace CommChannel\Tests;

use CommChannel\Log\Key;
use CommChannel\Log\Op;
use CommChannel\Log\Place;
use CommChannel\Log\Slot;

// The log layout's numbers: those that are not used, or late, or lost; epochs; and who closes what.

$log = new LogBench();

/** Two PHP processes and a gateway write to a channel; all is read while they do, and by others behind them. */
$writeAtOnce = static function (float $grace, bool $mayGap) use ($log): void {
    $channel = $log->fresh();
    $since = $log->store($channel)->cursor();
    $log->byGateway($channel)->cursor();
    $writers = [
        Child::start('log_writer.php', (string) $log->server->port, $channel, 'one', '300'),
        Child::start('log_writer.php', (string) $log->server->port, $channel, 'two', '300'),
        Child::start('sender.php', $log->gateway()->url(), $channel, 'gw', '300', '0'),
    ];
    $live = $log->store($channel, $since, $grace);
    $payloads = static fn (array $messages): array => array_map(static fn (string $m) => json_decode($m, true)['payload'], array_values($messages));
    $seen = [];
    await('all 900 messages', static function () use ($live, $payloads, &$seen): bool {
        array_push($seen, ...$payloads($live->getMessages('live')));
        return count($seen) >= 900;
    }, 60.0);
    same([0, 0, 0], array_map(static fn (Child $w): int => $w->end(), $writers));
    same([], $live->getMessages('live'));
    foreach (['one', 'two', 'gw'] as $name) {
        $own = array_values(array_filter($seen, static fn (string $m): bool => str_starts_with($m, $name)));
        same(array_map(static fn (int $i): string => "$name $i", range(0, 299)), $own, "all of $name in its order");
    }
    same($seen, $payloads($log->store($channel, $since)->getMessages('late')), 'who comes later sees the same order');
    $browser = $log->byGateway($channel, $since);
    same($seen, $payloads(gather(900, static fn () => array_values($browser->getMessages('browser')))), "the gateway's order");
    claim($mayGap || !$live->missed('live') && !$browser->missed('browser'), 'nothing is missing');
};

return [
    'two PHP writers and a gateway at once: nothing lost, one order' => static fn () => $writeAtOnce(1.0, false),

    'the same with a reader that closes numbers before their messages come' => static fn () => $writeAtOnce(0.00001, true),

    'a number that nobody uses is closed after the grace time, and told as a gap' => static function () use ($log): void {
        $channel = $log->fresh();
        $reader = $log->store($channel, grace: 0.2);
        $reader->getMessages('r');
        $since = $reader->cursor('r');
        $reader->addMsg('before');
        $at = $log->hole($channel);
        $reader->addMsg('behind');
        $start = hrtime(true);
        same(['before', 'behind'], array_values($reader->getMessages('r')));
        $took = (hrtime(true) - $start) / 1e9;
        claim($took >= 0.2 && $took < 1.0, "0.2 s, took $took");
        same([true, false], [$reader->missed('r'), $reader->missed('r')]);
        $tombstone = $log->server->item((new Key($channel))->slot($at->n));
        same(["\xffT", 1], [$tombstone['value'], $tombstone['flags']]);
        claim($tombstone['ttl'] > 290 && $tombstone['ttl'] <= 300, "its life: {$tombstone['ttl']}");
        $browser = $log->byGateway($channel, $since);
        same(['before', 'behind'], gather(2, static fn () => array_values($browser->getMessages('b'))));
        same(true, $browser->missed('b'), 'the gateway tells of it, too');
    },

    'a reader waits for a message that is on its way' => static function () use ($log): void {
        $channel = $log->fresh();
        $reader = $log->store($channel, grace: 2.0);
        $reader->getMessages('r');
        $process = $log->putLate($channel, $log->hole($channel), 'm', 'late');
        same(['m' => 'late'], $reader->getMessages('r'));
        same(false, $reader->missed('r'));
        same(0, proc_close($process));
    },

    'a reader who comes to an epoch waits for its first messages, too' => static function () use ($log): void {
        foreach (['from an epoch that has ended' => true, 'from another store' => false] as $name => $drains) {
            $channel = $log->fresh();
            $since = $log->store($channel)->cursor();
            if ($drains) {
                usleep(2000); // numbers grow by the millisecond
                $log->server->delete((new Key($channel))->head());
                $log->store($channel)->cursor();
            } else {
                $since = '00000001.abc';
            }
            $reader = $log->store($channel, $since, 2.0);
            $process = $log->putLate($channel, $log->hole($channel), 'm', 'late');
            same(['m' => 'late'], $reader->getMessages('r'), $name);
            same(true, $reader->missed('r'), "$name: the epoch before may have had more");
            same(0, proc_close($process));
            $log->store($channel)->addMsg('more', 'm2');
            same(['m2' => 'more'], $reader->getMessages('r'), "$name: and goes on");
        }
    },

    'where none of many numbers comes, who comes to the epoch goes on behind them' => static function () use ($log): void {
        foreach ([1, 63, 64, 65, 200] as $many) {
            $channel = $log->fresh();
            $log->store($channel)->cursor();
            for ($i = 0; $i < $many; $i++) {
                $log->hole($channel);
            }
            $reader = $log->store($channel, '00000001.abc');
            same([], $log->readAll($reader), "$many numbers");
            same($log->tail($channel)->cursor(), $reader->cursor('reader'), "$many numbers: at the end");
            $reader->addMsg('m');
            same(['m'], $log->readAll($reader), "$many numbers: and on");
        }
    },

    'voids are passed, and what can not be read is a gap' => static function () use ($log): void {
        foreach ([
            'a void' => [2, "\xffV", false],
            'a void, whatever it holds' => [2, '', false],
            'a tombstone' => [1, "\xffT", true],
            'flags of others' => [3, "\x01", true],
            'flags beyond 31 bits' => [0xffffffff, 'x', true],
            'no message' => [0, 'x', true],
            'an id beyond the end' => [0, "\x01\0\0\0\x01\x09id", true],
            'no id' => [0, "\x01\0\0\0\x01\0text", true],
            'of another epoch' => [0, "\x01\0\0\0\0\x01mtext", true],
            'a later version' => [0, "\x02\0\0\0\0\x01mtext", true],
            'no UTF-8' => [0, null, true],
        ] as $name => [$flags, $value, $gap]) {
            $channel = $log->fresh();
            $s = $log->store($channel);
            $s->getMessages('r');
            $s->addMsg('before');
            $at = $log->hole($channel);
            $log->do(Op::add((new Key($channel))->slot($at->n), $flags, 120, $value ?? Slot::encode($at->epoch, 'm', "\xff")));
            $s->addMsg('behind');
            same(['before', 'behind'], array_values($s->getMessages('r')), $name);
            same($gap, $s->missed('r'), "$name: a gap");
        }
    },

    'one id makes one message' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        $s->getMessages('reader');
        foreach ([$s, $s, $log->store($channel)] as $sender) {
            same('m1', $sender->addMsg('one', 'm1'));
        }
        $s->addMsg('two');
        same(['one', 'two'], $log->readAll($s));
        same(false, $s->missed('reader'), 'what was given out twice is given back');
    },

    'an id that a gateway has published, or begun to' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        $s->getMessages('r');
        $log->byGateway($channel)->cursor();
        $send = static function (string $id) use ($log, $channel): string {
            $frames = '[{"op":"hello","clientid":"js"},{"op":"send","ref":1,"channel":"' . $channel . '","type":"t","payload":1,"id":"' . $id . '"}]';
            $context = stream_context_create(['http' => ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => $frames]]);
            return file_get_contents($log->gateway()->url(), false, $context);
        };
        claim(str_contains($send('from-js'), '"op":"sent"'), 'sent');
        $s->addMsg('again', 'from-js');
        $s->addMsg('first', 'from-php');
        claim(str_contains($send('from-php'), '"op":"sent"'), 'the gateway takes it for sent');
        same(['from-js', 'from-php'], array_keys($s->getMessages('r')));
    },

    'a sender that ended half way' => static function () use ($log): void {
        foreach (['early' => false, 'after a reader closed the number' => true] as $name => $closed) {
            $channel = $log->fresh();
            $s = $log->store($channel);
            $s->getMessages('reader');
            $at = $log->hole($channel);
            $claim = (new Key($channel))->claim('m');
            $log->do(Op::add($claim, 0, 125, $at->cursor()));
            $got = $closed ? $log->readAll($s) : [];
            $s->addMsg('text', 'm');
            same(['text'], [...$got, ...$log->readAll($s)], $name);
            same($closed, $s->missed('reader'), "$name: a gap");
            $n = Place::parse($log->server->item($claim)['value'])->n;
            claim($closed ? $n > $at->n : $n === $at->n, "$name: the claim is where the message is");
        }
    },

    'a stalled sender takes a new number' => static function () use ($log): void {
        // Before the third exchange, which would add the slot, a reader closes it.
        $channel = $log->fresh();
        $s = $log->store($channel);
        $s->getMessages('reader');
        $first = $log->tail($channel);
        $wire = $log->stepped(3, static fn () => same([], $s->getMessages('reader')));
        $at = $log->publish($wire, $channel, 'm', 'text');
        same($first->n + 2, $at->n);
        same(['text'], $log->readAll($s));
        same(true, $s->missed('reader'));
    },

    'a sender follows the epoch' => static function () use ($log): void {
        foreach ([2 => 'before the claim', 3 => 'before the slot'] as $nth => $name) {
            $channel = $log->fresh();
            $old = $log->store($channel);
            $old->getMessages('reader');
            $old->addMsg('before');
            $fresher = $log->store($channel);
            $wire = $log->stepped($nth, static function () use ($log, $channel, $fresher): void {
                usleep(2000); // epochs begin at a millisecond
                $log->server->delete("cc1:$channel:h");
                $fresher->getMessages('joined');
            });
            $at = $log->publish($wire, $channel, 'm', 'text');
            same($fresher->cursor(), $at->cursor(), "$name: at the end of the new epoch");
            same(['text'], $log->readAll($fresher, 'joined'), "$name: one who knows the new epoch alone");
            same(['before', 'text'], $log->readAll($old), "$name: one who knows the old one");
            same(true, $old->missed('reader'), "$name: a gap");
        }
    },

    'the end of an epoch: what is left of it, a gap, and the new one' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        $s->getMessages('r');
        $want = array_map(static fn (int $i): string => "old $i", range(0, 99));
        array_walk($want, static fn (string $m) => $s->addMsg($m));
        usleep(2000);
        $log->server->delete("cc1:$channel:h");
        $s->addMsg('new');
        $since = $s->cursor('r');
        same([...$want, 'new'], array_values($s->getMessages('r')));
        same(true, $s->missed('r'));
        $s->addMsg('newer');
        same(['newer'], array_values($s->getMessages('r')));
        same(false, $s->missed('r'));
        $browser = $log->byGateway($channel, $since);
        same([...$want, 'new', 'newer'], gather(102, static fn () => array_values($browser->getMessages('b'))), 'by the gateway');
    },

    'long holes, and places of nowhere' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        $since = $s->cursor();
        $first = $log->tail($channel)->n + 1;
        for ($i = 0; $i < 500; $i++) {
            $s->addMsg("m $i");
        }
        $numbers = static fn (int $from, int $to): array => array_map(static fn (int $i): string => "m $i", range($from, $to));
        $from = static function (string $since) use ($log, $channel): array {
            $s = $log->store($channel, $since);
            return [array_values($s->getMessages('r')), $s->missed('r')];
        };
        same([$numbers(0, 499), false], $from($since), 'all');
        $lose = static function (int $from, int $to) use ($log, $channel, $first): void {
            for ($i = $from; $i <= $to; $i++) {
                $log->server->delete((new Key($channel))->slot($first + $i));
            }
        };
        $lose(400, 410);
        same([[...$numbers(0, 399), ...$numbers(411, 499)], true], $from($since), 'a short hole');
        $lose(20, 300);
        same([[...$numbers(0, 19), ...$numbers(301, 399), ...$numbers(411, 499)], true], $from($since), 'a long hole');
        $lose(0, 19);
        $rest = [[...$numbers(301, 399), ...$numbers(411, 499)], true];
        same($rest, $from($since), 'the oldest are gone');
        same($rest, $from('6b0378e284a91.LPJNul-w'), 'a cursor of another layout');
        same($rest, $from('00000001.abc'), 'an epoch that is long gone');
        same($rest, $from((new Place($log->tail($channel)->epoch, $log->tail($channel)->n + 5))->cursor()), 'behind the end');
        $lose(301, 399);
        $lose(411, 499);
        same([[], true], $from($since), 'all are gone');
    },

    'who comes from elsewhere finds the oldest message behind a long hole' => static function () use ($log): void {
        $channel = $log->fresh();
        $s = $log->store($channel);
        for ($i = 0; $i < 700; $i++) {
            $s->addMsg("m $i");
        }
        $first = $log->tail($channel)->n - 699;
        foreach ([...range(0, 99), ...range(570, 650)] as $i) {
            $log->server->delete((new Key($channel))->slot($first + $i));
        }
        $s = $log->store($channel, '00000001.abc');
        $want = array_map(static fn (int $i): string => "m $i", [...range(100, 569), ...range(651, 699)]);
        same($want, array_values($s->getMessages('r')));
        same(true, $s->missed('r'));
    },
];
