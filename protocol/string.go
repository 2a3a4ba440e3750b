package protocol

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s to dst as a JSON string, without allocating where
// dst has room. It writes what encoding/json writes when told not to escape
// HTML: bytes that are not UTF-8 become U+FFFD, and U+2028 and U+2029 are
// escaped, since the seed's pages hand what they get to JavaScript's eval.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if esc := escapedRune(r, size); esc != "" {
				dst = append(append(dst, s[start:i]...), esc...)
				start = i + size
			}
			i += size
			continue
		}
		if b >= 0x20 && b != '"' && b != '\\' {
			i++
			continue
		}
		dst = appendEscaped(append(dst, s[start:i]...), b)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// appendEscaped appends the escape of an ASCII byte that can't stand in a
// JSON string.
func appendEscaped(dst []byte, b byte) []byte {
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
}

// escapedRune is the escape of a rune beyond ASCII that was read from size
// bytes, empty where it stands as it is.
func escapedRune(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return `\ufffd`
	case r == '\u2028':
		return `\u2028`
	case r == '\u2029':
		return `\u2029`
	}
	return ""
}

// isString reports whether the JSON value v is a string.
func isString(v json.RawMessage) bool { return len(v) > 0 && v[0] == '"' }

// decoded is the text of a JSON string that json.Valid has accepted. Where it
// stands there as it is, it shares s's memory.
func decoded(s []byte) []byte {
	if inner := s[1 : len(s)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner[:len(inner):len(inner)]
	}
	return appendDecoded(make([]byte, 0, len(s)), s[1:len(s)-1])
}

// appendDecoded appends the text that stands between the quotes of a JSON
// string to dst. As with encoding/json, U+FFFD stands for a byte that is not
// UTF-8, and for half a surrogate pair.
func appendDecoded(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return appendValid(dst, s)
		}
		dst, s = appendValid(dst, s[:i]), s[i:]
		size := 2
		switch s[1] {
		case 'u':
			r := unicodeEscape(s)
			size = 6
			if pair := utf16.DecodeRune(r, unicodeEscape(s[6:])); pair != utf8.RuneError {
				r, size = pair, 12
			}
			dst = utf8.AppendRune(dst, r) // half a pair is no rune: U+FFFD
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, s[1])
		}
		s = s[size:]
	}
}

func appendValid(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for _, r := range string(s) {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// unicodeEscape is the number of the \uXXXX that s begins with, or -1.
func unicodeEscape(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
