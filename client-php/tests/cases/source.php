<?php

declare(strict_types=1);

namespace CommChannel\Tests;

// What can be said of the sources without running them.

$root = dirname(__DIR__, 2);
$files = [...glob("$root/*.php"), ...glob("$root/src/*.php"), ...glob("$root/src/*/*.php"), ...glob("$root/tests/*.php"), ...glob("$root/tests/*/*.php")];

/** @return list<\ReflectionClass<object>> the package's classes, interfaces and enums */
$classes = static function () use ($root): array {
    $all = [];
    foreach ([...glob("$root/src/*.php"), ...glob("$root/src/*/*.php")] as $file) {
        $name = 'CommChannel\\' . strtr(substr($file, strlen("$root/src/"), -4), '/', '\\');
        if ($name !== 'CommChannel\\aliases') {
            $all[] = $class = new \ReflectionClass($name);
            same($file, $class->getFileName(), "the file of $name");
        }
    }
    return $all;
};

$isKnown = static fn (string $class): bool => class_exists($class) || interface_exists($class) || enum_exists($class);

return [
    'every file is PHP, and strict about types' => static function () use ($files, $root): void {
        claim(count($files) > 50, 'the files are found');
        foreach ($files as $file) {
            claim((new Source($file))->isStrict(), substr($file, strlen($root) + 1) . ' declares strict_types=1');
        }
    },

    'every class and function that is named exists' => static function () use ($files, $root, $isKnown): void {
        $optional = ['Memcache', 'Memcached', 'MemcachePool']; // the extensions' classes
        foreach ($files as $file) {
            $source = new Source($file);
            $in = substr($file, strlen($root) + 1);
            foreach (array_diff($source->classes(), $optional) as $class) {
                claim($isKnown($class), "$in: there is a class $class");
            }
            foreach ($source->functions() as $function) {
                claim(function_exists($function) || function_exists(__NAMESPACE__ . "\\$function"), "$in: there is a function $function()");
            }
            same([], $source->idleImports(), "$in: imports without use");
        }
    },

    // PHP has no type for resources: a comment tells of them.
    'all is found by its name, and typed' => static function () use ($classes): void {
        $isTyped = static fn (\ReflectionProperty|\ReflectionParameter $of, string|false $comment): bool
            => $of->hasType() || preg_match("/@(?:var resource|param resource \\\${$of->name})\\b/", (string) $comment) === 1;
        foreach ($classes() as $class) {
            foreach ($class->getProperties() as $p) {
                claim($p->getDeclaringClass()->isInternal() || $isTyped($p, $p->getDocComment()), "{$p->class}::\${$p->name} has a type");
            }
            foreach ($class->getMethods() as $m) {
                if ($m->getDeclaringClass()->isInternal()) {
                    continue;
                }
                claim($m->isConstructor() || $m->isDestructor() || $m->hasReturnType(), "{$m->class}::{$m->name}() has a return type");
                foreach ($m->getParameters() as $p) {
                    claim($isTyped($p, $m->getDocComment()), "{$m->class}::{$m->name}(\${$p->name}) has a type");
                }
            }
        }
    },

    'comments tell of parameters that there are' => static function () use ($classes): void {
        foreach ($classes() as $class) {
            foreach ($class->getMethods() as $m) {
                preg_match_all('/@param\s[^$]*\$(\w+)/', (string) $m->getDocComment(), $told);
                $are = array_map(static fn (\ReflectionParameter $p): string => $p->name, $m->getParameters());
                same([], array_values(array_diff($told[1], $are)), "{$m->class}::{$m->name}(): told of, and not there");
            }
        }
    },
];
