package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printable is text with everything that a terminal might obey, and everything
// that changes how other text is shown, written as JSON escapes it: control
// characters, line breaks, marks of direction. In a JSON text that has no white
// space between its tokens, such characters are in strings alone, and the
// result is the same JSON.
func printable(text string) string {
	if strings.IndexFunc(text, harmful) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text { // of what is not UTF-8, U+FFFD
		switch hi, lo := utf16.EncodeRune(r); {
		case !harmful(r):
			b.WriteRune(r)
		case hi != unicode.ReplacementChar:
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// harmful tells what printable replaces. Joiners within words and emoji stay.
func harmful(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != nonJoiner && r != joiner
}
