package protocol

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// accepts reports whether checkJSON has nothing to say against data. It goes
// over data once, which nearly always is all there is to do: why something is
// refused takes longer to tell.
func accepts(data []byte, maxDepth int) bool {
	if !utf8.Valid(data) {
		return false
	}
	end := skipValue(data, skipSpace(data, 0), maxDepth)
	return end >= 0 && skipSpace(data, end) == len(data)
}

// skipValue is the offset behind the JSON value that begins at s[i]; -1 where
// there is none that accepts would take, or one deeper than depth. So it is
// with the other skip functions, of which some know how their part begins.
func skipValue(s []byte, i, depth int) int {
	if i == len(s) {
		return -1
	}
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{':
		return skipObject(s, i, depth)
	case '[':
		return skipArray(s, i, depth)
	case 't':
		return skipWord(s, i, "true")
	case 'f':
		return skipWord(s, i, "false")
	case 'n':
		return skipWord(s, i, "null")
	}
	return skipNumber(s, i)
}

func skipObject(s []byte, i, depth int) int {
	i = skipSpace(s, i+1)
	switch {
	case depth == 0:
		return -1
	case i < len(s) && s[i] == '}':
		return i + 1
	}
	for more := true; more; {
		if i == len(s) || s[i] != '"' {
			return -1
		}
		if i = skipString(s, i); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i == len(s) || s[i] != ':' {
			return -1
		}
		i, more = skipElement(s, skipSpace(s, i+1), depth-1, '}')
	}
	return i
}

func skipArray(s []byte, i, depth int) int {
	i = skipSpace(s, i+1)
	switch {
	case depth == 0:
		return -1
	case i < len(s) && s[i] == ']':
		return i + 1
	}
	for more := true; more; {
		i, more = skipElement(s, i, depth-1, ']')
	}
	return i
}

// skipElement skips a value and what follows it, a comma or the bracket last;
// with the comma there is more to come.
func skipElement(s []byte, i, depth int, last byte) (_ int, more bool) {
	if i = skipValue(s, i, depth); i < 0 {
		return -1, false
	}
	switch i = skipSpace(s, i); {
	case i == len(s):
		return -1, false
	case s[i] == last:
		return i + 1, false
	case s[i] == ',':
		return skipSpace(s, i+1), true
	}
	return -1, false
}

func skipWord(s []byte, i int, word string) int {
	if end := i + len(word); end <= len(s) && string(s[i:end]) == word {
		return end
	}
	return -1
}

func skipNumber(s []byte, i int) int {
	if s[i] == '-' {
		i++
	}
	whole := skipDigits(s, i)
	if whole < 0 || s[i] == '0' && whole > i+1 {
		return -1
	}
	if i = whole; i < len(s) && s[i] == '.' {
		if i = skipDigits(s, i+1); i < 0 {
			return -1
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		i = skipDigits(s, i)
	}
	return i
}

// skipDigits skips one digit at least.
func skipDigits(s []byte, i int) int {
	end := i
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	if end == i {
		return -1
	}
	return end
}

func skipString(s []byte, i int) int {
	i++
	for {
		if i = plainEnd(s, i); i == len(s) {
			return -1
		}
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			if i = skipEscape(s, i); i < 0 {
				return -1
			}
		default:
			return -1 // a control byte
		}
	}
}

func skipEscape(s []byte, i int) int {
	if i+1 == len(s) {
		return -1
	}
	switch s[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		return skipUnicode(s, i)
	}
	return -1
}

// skipUnicode skips \uXXXX, and with half a surrogate pair the other half.
func skipUnicode(s []byte, i int) int {
	switch r := unicodeEscape(s[i:]); {
	case r < 0, 0xdc00 <= r && r < 0xe000:
		return -1
	case 0xd800 <= r && r < 0xdc00:
		if low := unicodeEscape(s[i+6:]); low < 0xdc00 || 0xe000 <= low {
			return -1
		}
		return i + 12
	}
	return i + 6
}

// plainEnd is the offset of the first byte from s[i] on that does not stand
// for itself in a JSON string: a quote, a backslash or a control byte. It is
// len(s) where there is none.
func plainEnd(s []byte, i int) int {
	for ; i+16 <= len(s); i += 16 {
		p := s[i : i+16]
		low, high := markSpecial(binary.LittleEndian.Uint64(p)), markSpecial(binary.LittleEndian.Uint64(p[8:]))
		if low|high != 0 {
			if low == 0 {
				return i + 8 + bits.TrailingZeros64(high)/8
			}
			return i + bits.TrailingZeros64(low)/8
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// markSpecial sets the highest bit of each byte of w that plainEnd looks for.
// Only the lowest mark is to be relied on: a borrow may set those above it.
func markSpecial(w uint64) uint64 {
	const ones, highest = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^ones*'"', w^ones*'\\'
	return ((w-ones*' ')&^w | (quote-ones)&^quote | (backslash-ones)&^backslash) & highest
}
