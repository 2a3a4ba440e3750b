package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"
)

// MaxDepth is how deep the JSON of a frame may nest, in arrays and objects.
// The array of a long-poll exchange is not counted: what fits a WebSocket
// fits there, too.
const MaxDepth = 64

// CheckJSON tells why data can't be taken in: it wants one JSON value in
// UTF-8, at most MaxDepth deep, without half a surrogate pair (on which PHP's
// json_decode gives up).
func CheckJSON(data []byte) error { return checkJSON(data, MaxDepth) }

func checkJSON(data []byte, maxDepth int) error {
	if accepts(data, maxDepth) {
		return nil
	}
	return refusal(data, maxDepth)
}

// refusal finds the words for data that accepts has refused.
func refusal(data []byte, maxDepth int) error {
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
		switch r := unicodeEscape(s[i:]); {
		case 0xd800 <= r && r < 0xdc00:
			if low := unicodeEscape(s[i+6:]); low < 0xdc00 || low > 0xdfff {
				return i
			}
			i += 11
		case 0xdc00 <= r && r <= 0xdfff:
			return i
		default:
			i += 5
		}
	}
	return -1
}

// Members gives the members of a JSON object in their order, keys decoded and
// values as they stand. It wants JSON that [json.Valid] accepts; anything but
// an object has no members.
func Members(obj []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for key, value := range members(obj) {
			if !yield(string(key), value) {
				return
			}
		}
	}
}

// members is Members without a new string for each key, of which most are
// only compared.
func members(obj []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		i := skipSpace(obj, 0)
		if i == len(obj) || obj[i] != '{' {
			return
		}
		for i = skipSpace(obj, i+1); i < len(obj) && obj[i] == '"'; i = skipSpace(obj, i+1) {
			end := stringEnd(obj, i)
			key := decoded(obj[i:end])
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
	for end := i + 1; ; end++ {
		quote := bytes.IndexByte(s[end:], '"')
		if quote < 0 {
			return len(s) // there always is one
		}
		end += quote
		escapes := end
		for s[escapes-1] == '\\' {
			escapes--
		}
		if (end-escapes)%2 == 0 { // of two, one escapes the other
			return end + 1
		}
	}
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
