<?php

declare(strict_types=1);

namespace CommChannel\Tests;

$root = dirname(__DIR__, 2);

/** Runs PHP code in a process of its own, every complaint an exception; its output. */
$php = static function (string $code) use ($root): string {
    $strict = 'error_reporting(E_ALL); set_error_handler(function ($n, $text, $f, $l) { throw new ErrorException($text, 0, $n, $f, $l); });';
    $command = [PHP_BINARY, '-d', 'display_errors=stderr', '-r', "$strict require '$root/autoload.php'; $code"];
    $process = proc_open($command, [1 => ['pipe', 'w'], 2 => ['pipe', 'w']], $pipes);
    $out = stream_get_contents($pipes[1]);
    $err = stream_get_contents($pipes[2]);
    same(0, proc_close($process), "exit code, with $err");
    same('', $err, 'stderr');
    return $out;
};

preg_match_all('/```php\n(.*?)```/s', file_get_contents("$root/README.md"), $m);
$examples = $m[1];

$server = new MemcachedServer();
$gateway = null;
$url = static function () use ($server, &$gateway): string {
    $gateway ??= new GatewayServer(['--store', "memcache://127.0.0.1:{$server->port}"]);
    return $gateway->url();
};
// The port is the one thing that differs from the README.
$example = static fn (int $i): string => str_replace("'11211'", "'{$server->port}'", $examples[$i]);

return [
    'the first example of the README' => static function () use ($php, $example): void {
        same('[[],["again"]]', $php($example(0) . '$channel->send("again"); echo json_encode([$messages, $channel->getMessages()]);'));
    },

    'the second example of the README' => static function () use ($php, $example): void {
        $again = '{"type":"msg","msg":"again","payload":"again","from":"me"}';
        $code = $example(1) . '$channel->send("msg", "again"); $next = $channel->getMessages();'
            . '$next[0]["from"] = $next[0]["from"] === $clientid ? "me" : "?"; echo json_encode([$messages, $next]);';
        same("[[],[$again]]", $php($code));
    },

    'the examples of asking and answering' => static function () use ($php, $example, $server): void {
        $backend = "\$backend = new MemcacheCommStore('127.0.0.1', {$server->port}, 'readme');";
        same("nobody answered within 5 seconds\n", $php($backend . str_replace('5.0', '0.05', $example(2))));
        $code = $backend . '(new NativeCommChannel($backend, "worker"))->getMessages();'
            . '$asker = new NativeCommChannel($backend, "asker"); $asker->getMessages();'
            . '$id = $asker->send(["width" => 640, "height" => 480], "resize");'
            . $example(3) . 'echo $asker->getMessage($id, "reply")["payload"];';
        same('307200', $php($code));
    },

    'the example of a gateway' => static function () use ($php, $example, $url): void {
        same("worker: Hello from PHP!\n", $php(str_replace('http://127.0.0.1:8080/channel', $url(), $example(4))));
    },

    'the example of a page' => static function () use ($php, $example, $url, $server): void {
        foreach ([
            'memcached' => "new MemcacheCommStore('127.0.0.1', {$server->port}, 'page')",
            'a gateway' => "new CommChannel\GatewayCommStore('{$url()}', 'page')",
        ] as $name => $backend) {
            $code = "function load_rows() { return ['</script>']; } \$backend = $backend;" . $example(5);
            claim(preg_match('/const page = (\{.*\});\n/', $php($code), $m) === 1, "$name: the page has its data");
            $page = json_decode($m[1]);
            same(['</script>'], $page->rows);
            claim(!str_contains($m[1], '<'), 'nothing ends the script');
            $browser = new \CommChannel\GatewayCommStore($url(), 'page', $page->since);
            (new \CommChannel\JSCommChannel(new \CommChannel\MemcacheCommStore('127.0.0.1', $server->port, 'page'), 'php'))->send('row', $name);
            $got = array_map(json_decode(...), array_values(gather(1, static fn () => $browser->getMessages('browser'))));
            same([$name], array_column($got, 'payload'), $name);
            same(false, $browser->missed('browser'), $name);
        }
    },

    'a short name is the same class, whichever is used first' => static function () use ($php): void {
        foreach (['CommStore', 'MemcacheCommStore', 'CommChannel', 'JSCommChannel', 'NativeCommChannel'] as $name) {
            $is = "echo (new ReflectionClass('%s'))->getName();";
            same("CommChannel\\$name", $php(sprintf($is, $name)), "$name first");
            same("CommChannel\\$name", $php("interface_exists('CommChannel\\\\$name') || class_exists('CommChannel\\\\$name');" . sprintf($is, $name)), "$name second");
        }
        $code = 'class Mine implements CommStore { function addMsg(mixed $m): string { return "i"; } function delMsg(int|string $i): void {}'
            . 'function getMessages(int|string $c): array { return ["i" => $c]; } function removeClient(int|string $c): void {} }'
            . '$c = new CommChannel\CommChannel(new Mine, "me"); echo json_encode([$c instanceof CommChannel, $c->getMessages()]);';
        same('[true,["me"]]', $php($code), 'a store of the site itself');
    },

    "a site's own class of a short name is left alone" => static function () use ($php): void {
        same('site', $php('class CommChannel { public $of = "site"; } class_exists("CommChannel\JSCommChannel"); echo (new CommChannel)->of;'));
    },

    'composer.json tells where the classes are' => static function () use ($root): void {
        $composer = json_decode(file_get_contents("$root/composer.json"), true, 512, JSON_THROW_ON_ERROR);
        same(['CommChannel\\' => 'src/'], $composer['autoload']['psr-4']);
        same(['src/aliases.php'], $composer['autoload']['files']);
    },
];
