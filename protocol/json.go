package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep the JSON of a frame may nest, in arrays and objects.
// The array of a long-poll exchange is not counted: what fits a WebSocket
// fits there, too.
const MaxDepth = 64

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

// CheckJSON tells why data can't be taken in: it wants one JSON value in
// UTF-8, at most MaxDepth deep, without half a surrogate pair (on which PHP's
// json_decode gives up).
func CheckJSON(data []byte) error { return checkJSON(data, MaxDepth) }

func checkJSON(data []byte, maxDepth int) error {
	if !utf8.Valid(data) {
		return errors.New("not valid UTF-8")
	}
	if !json.Valid(data) {
		return syntaxError(data)
	}
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("JSON deeper than %d at byte %d", maxDepth, i)
			}
		case '}', ']':
			depth--
		case '"':
			end := stringEnd(data, i)
			if at := loneSurrogate(data[i:end]); at >= 0 {
				return fmt.Errorf("half a surrogate pair at byte %d", i+at)
			}
			i = end - 1
		}
	}
	return nil
}

// syntaxError finds the words for data that json.Valid refused.
func syntaxError(data []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON: %w at byte %d", s, s.Offset)
	}
	return errors.New("not JSON")
}

// loneSurrogate is the offset of the first \uXXXX escape in the JSON string s
// that is half a surrogate pair, or -1.
func loneSurrogate(s []byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if s[i+1] != 'u' {
			i++
			continue
		}
		r := hex4(s[i+2:])
		switch {
		case 0xd800 <= r && r < 0xdc00 && bytes.HasPrefix(s[i+6:], []byte(`\u`)):
			if low := hex4(s[i+8:]); low < 0xdc00 || low > 0xdfff {
				return i
			}
			i += 11
		case 0xd800 <= r && r <= 0xdfff:
			return i
		default:
			i += 5
		}
	}
	return -1
}

func hex4(s []byte) int {
	n, _ := strconv.ParseUint(string(s[:4]), 16, 32)
	return int(n)
}

// Members gives the members of a JSON object in their order, keys decoded and
// values as they stand. It wants JSON that [json.Valid] accepts; anything but
// an object has no members.
func Members(obj []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		i := skipSpace(obj, 0)
		if i == len(obj) || obj[i] != '{' {
			return
		}
		for i = skipSpace(obj, i+1); i < len(obj) && obj[i] == '"'; i = skipSpace(obj, i+1) {
			end := stringEnd(obj, i)
			key := decodeString(obj[i:end])
			start := skipSpace(obj, skipSpace(obj, end)+1) // past the colon
			end = valueEnd(obj, start)
			if !yield(key, obj[start:end:end]) {
				return
			}
			i = skipSpace(obj, end) // the comma or the brace
		}
	}
}

// Elements gives the elements of a JSON array as they stand. It wants JSON
// that [json.Valid] accepts; anything but an array has no elements.
func Elements(arr []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		i := skipSpace(arr, 0)
		if i == len(arr) || arr[i] != '[' {
			return
		}
		for i = skipSpace(arr, i+1); i < len(arr) && arr[i] != ']'; i = skipSpace(arr, i+1) {
			end := valueEnd(arr, i)
			if !yield(arr[i:end:end]) {
				return
			}
			i = skipSpace(arr, end)
		}
	}
}

func skipSpace(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// stringEnd is the offset behind the JSON string that begins at s[i].
func stringEnd(s []byte, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// valueEnd is the offset behind the JSON value that begins at s[i].
func valueEnd(s []byte, i int) int {
	depth := 0
	for ; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i = stringEnd(s, i) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// decodeString decodes a JSON string that json.Valid has accepted.
func decodeString(s []byte) string {
	if inner := s[1 : len(s)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var v string
	if json.Unmarshal(s, &v) != nil {
		return ""
	}
	return v
}

// isString reports whether the JSON value v is a string.
func isString(v json.RawMessage) bool { return len(v) > 0 && v[0] == '"' }
