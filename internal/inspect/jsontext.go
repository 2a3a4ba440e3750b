package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// phpDepth is how deep a document may nest for PHP's json_decode, as the library
// calls it.
const phpDepth = 511

// phpGivesUp says why PHP's json_decode refuses a document that is valid JSON
// in UTF-8, "" where it does not.
func phpGivesUp(text []byte) string {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if depth++; depth > phpDepth {
				return fmt.Sprintf("it nests deeper than %d at byte %d", phpDepth, i)
			}
		case '}', ']':
			depth--
		case '"': // in it, brackets don't nest
			end, half := stringIn(text, i)
			if half >= 0 {
				return fmt.Sprintf("half a surrogate pair stands at byte %d", half)
			}
			i = end
		}
	}
	return ""
}

// stringIn gives the offset of the quote that ends the string begun at i, and
// that of an escape that is half a surrogate pair, or -1.
func stringIn(text []byte, i int) (end, half int) {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] != '\\' {
			continue
		}
		size, isHalf := escaped(text[i:])
		if isHalf {
			return i, i
		}
		i += size - 1
	}
	return i, -1
}

// escaped is the length of the escape that s begins with, a surrogate pair's
// both; half says that it is one without the other.
func escaped(s []byte) (size int, half bool) {
	if len(s) < 6 || s[1] != 'u' {
		return 2, false
	}
	switch r := hex4(s[2:]); {
	case 0xd800 <= r && r < 0xdc00:
		if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
			return 6, true
		}
		low := hex4(s[8:])
		return 12, low < 0xdc00 || low > 0xdfff
	case 0xdc00 <= r && r <= 0xdfff:
		return 6, true
	}
	return 6, false
}

func hex4(s []byte) uint64 {
	n, _ := strconv.ParseUint(string(s[:4]), 16, 32)
	return n
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// firstValue is the offset behind the first JSON value of a text and the space
// that follows it.
func firstValue(text []byte) (int, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	var v json.RawMessage
	err := dec.Decode(&v)
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return 0, fmt.Errorf("%w at byte %d", s, s.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("it ends amid a value, at byte %d", len(text))
	}
	if err != nil {
		return 0, err
	}
	end := int(dec.InputOffset())
	for end < len(text) && bytes.IndexByte([]byte(" \t\r\n"), text[end]) >= 0 {
		end++
	}
	return end, nil
}
