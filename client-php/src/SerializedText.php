<?php

declare(strict_types=1);

namespace CommChannel;

/**
 * Reads text in PHP's serialization that anybody may have written.
 *
 * @internal
 */
final class SerializedText
{
    /** Everything but strings and enums, which have lengths or names to look at. */
    private const OTHER = '/\G(?:[ibdrR]:[^;"{}]*;|N;|a:\d+:\{|O:\d+:"[^"]*":\d+:\{|\})/';

    /**
     * The value, or null if there is none that may be had. Objects of other
     * classes than $classes are __PHP_Incomplete_Class.
     *
     * @param list<class-string> $classes
     */
    public static function value(string $text, array $classes): mixed
    {
        // unserialize() makes enums whatever it is allowed, and loads their
        // classes for that.
        if (str_contains($text, 'E:') && !self::enumsAreOf($text, $classes)) {
            return null;
        }
        // A notice or an exception of an allowed class is of no interest: the
        // text is just none that can be read.
        try {
            return Muted::call(static fn () => unserialize($text, ['allowed_classes' => $classes]))[0];
        } catch (\Throwable) {
            return null;
        }
    }

    /**
     * Whether all enums in the text are of these classes. False, too, for text
     * that serialize() does not write.
     *
     * @param list<class-string> $classes
     */
    private static function enumsAreOf(string $text, array $classes): bool
    {
        $allowed = array_map(strtolower(...), $classes);
        for ($at = 0; $at < strlen($text);) {
            if (preg_match('/\Gs:(\d{1,9}):"/', $text, $m, 0, $at)) {
                $at += strlen($m[0]) + (int) $m[1];
                if (substr($text, $at, 2) !== '";') {
                    return false;
                }
                $at += 2;
            } elseif (preg_match('/\GE:\d+:"([^":]+):[^":]+";/', $text, $m, 0, $at)) {
                if (!in_array(strtolower($m[1]), $allowed, true)) {
                    return false;
                }
                $at += strlen($m[0]);
            } elseif (preg_match(self::OTHER, $text, $m, 0, $at)) {
                $at += strlen($m[0]);
            } else {
                return false;
            }
        }
        return true;
    }
}
