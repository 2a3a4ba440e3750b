<?php

declare(strict_types=1);

namespace CommChannel\Tests;

/**
 * A PHP file as text: what it names, which PHP itself looks for only once that
 * line is run; in a catch, an instanceof or a comment never at all.
 */
final class Source
{
    /** Words that stand where classes and functions are named. */
    private const OWN_WORDS = ['self', 'static', 'parent', 'array', 'class', 'fn', 'function', 'match', 'isset', 'unset', 'exit', 'list', 'empty'];

    /** Types in comments that are no classes, as are those that begin with a small letter. */
    private const TEMPLATES = ['T'];

    public readonly string $text;

    /** @var list<\PhpToken> without white space and comments */
    private array $tokens;

    private string $namespace = '';

    /** @var array<string, string> full names by short ones */
    private array $imports = [];

    /** @throws \ParseError */
    public function __construct(string $file)
    {
        $this->text = (string) file_get_contents($file);
        $all = \PhpToken::tokenize($this->text, TOKEN_PARSE);
        $this->tokens = array_values(array_filter($all, static fn (\PhpToken $t): bool => !$t->isIgnorable()));
        if (preg_match('/^namespace ([\w\\\\]+);/m', $this->text, $m) === 1) {
            $this->namespace = $m[1] . '\\';
        }
        preg_match_all('/^use ([\w\\\\]+?(\w+));/m', $this->text, $m);
        $this->imports = array_combine($m[2], $m[1]);
    }

    /** Whether every scalar that it passes on must be of the type that is asked for. */
    public function isStrict(): bool
    {
        return preg_match('/^<\?php\s+declare\(strict_types=1\);/', $this->text) === 1;
    }

    /** @return list<string> imports that nothing uses */
    public function idleImports(): array
    {
        $body = preg_replace('/^use .*$/m', '', $this->text);
        return array_values(array_filter(array_keys($this->imports), static fn (string $name): bool => preg_match("/\\b$name\\b/", $body) !== 1));
    }

    /** @return list<string> full names of the classes that it names, in code or in the types of comments */
    public function classes(): array
    {
        $names = [];
        foreach ($this->tokens as $i => $token) {
            if ($this->isName($token) && !in_array($token->text, self::OWN_WORDS, true) && $this->namesClass($i)) {
                $names[] = $this->resolve($token->text);
            }
        }
        preg_match_all('/@(?:throws|param|return|var|implements|extends)\s+([^\s$][^$\n*]*)/', $this->text, $m);
        foreach ($m[1] as $types) {
            preg_match_all('/(?<![\w\\\\\'":-])\\\\?[A-Z]\w*[a-z]\w*(?:\\\\\w+)*(?![\w(])/', preg_split('/ (?![^<{(]*[>})])/', $types)[0], $found);
            array_push($names, ...array_map($this->resolve(...), array_diff($found[0], self::TEMPLATES)));
        }
        return array_values(array_unique($names));
    }

    /** @return list<string> names of the functions that it calls and does not have itself, without namespace */
    public function functions(): array
    {
        $names = $own = [];
        foreach ($this->tokens as $i => $token) {
            $before = $this->tokens[$i - 1] ?? null;
            if (!$this->isName($token) || $this->tokens[$i + 1]->text !== '(' || in_array($token->text, self::OWN_WORDS, true)) {
                continue;
            }
            if ($before->is(T_FUNCTION)) {
                $own[] = $token->text;
            } elseif (!$before->is([T_OBJECT_OPERATOR, T_NULLSAFE_OBJECT_OPERATOR, T_DOUBLE_COLON, T_NEW, T_ATTRIBUTE])) {
                $names[] = ltrim($token->text, '\\');
            }
        }
        return array_values(array_diff(array_unique($names), $own));
    }

    private function isName(\PhpToken $token): bool
    {
        return $token->is([T_STRING, T_NAME_QUALIFIED, T_NAME_FULLY_QUALIFIED]);
    }

    /** Whether the name at $i stands where only a class can: types are PHP's to check. */
    private function namesClass(int $i): bool
    {
        $before = $this->tokens[$i - 1];
        if ($before->is([T_NEW, T_INSTANCEOF]) || $this->tokens[$i + 1]->is(T_DOUBLE_COLON)) {
            return true;
        }
        while ($before->text === '|') { // catch (A | B)
            $i -= 2;
            $before = $this->tokens[$i - 1];
        }
        return $before->text === '(' && $this->tokens[$i - 2]->is(T_CATCH);
    }

    private function resolve(string $name): string
    {
        if ($name[0] === '\\') {
            return substr($name, 1);
        }
        [$first, $rest] = explode('\\', $name, 2) + [1 => null];
        $full = $this->imports[$first] ?? $this->namespace . $first;
        return $rest === null ? $full : "$full\\$rest";
    }
}
