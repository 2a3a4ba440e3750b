package memcache

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner walks JSON and gives extents of it. It exists for speed: a
// follower looks through a whole document at each change, and this is about
// ten times as fast as encoding/json. It accepts what RFC 8259 does: strings
// are checked here, everything else but the outermost arrays and objects by
// json.Valid.
type scanner struct {
	s []byte
	i int
}

func (p *scanner) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\n' || p.s[p.i] == '\r' || p.s[p.i] == '\t') {
		p.i++
	}
}

// take steps over b and the space around it.
func (p *scanner) take(b byte) bool {
	p.space()
	if p.i == len(p.s) || p.s[p.i] != b {
		return false
	}
	p.i++
	p.space()
	return true
}

// str steps over a string and gives it with its quotes.
func (p *scanner) str() (raw []byte, ok bool) {
	s, start := p.s, p.i
	if start == len(s) || s[start] != '"' {
		return nil, false
	}
	for i := start + 1; i < len(s); i++ {
		switch b := s[i]; {
		case b == '"':
			p.i = i + 1
			return s[start:p.i:p.i], true
		case b < 0x20:
			return nil, false
		case b == '\\':
			n := escape(s[i:])
			if n == 0 {
				return nil, false
			}
			i += n - 1
		}
	}
	return nil, false
}

// escape is the length of the escape that s begins with, 0 if it is none.
func escape(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s[2:]); ok {
			return 6
		}
	}
	return 0
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, b := range s[:4] {
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b && b <= 'f':
			b -= 'a' - 10
		case 'A' <= b && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

// value steps over any value and gives it as it stands.
func (p *scanner) value() (raw []byte, ok bool) {
	if p.i < len(p.s) && p.s[p.i] == '"' {
		return p.str()
	}
	start, depth := p.i, 0
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '"':
			if _, ok := p.str(); !ok {
				return nil, false
			}
			p.i--
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				p.i++
			}
		case ',', ' ', '\n', '\r', '\t':
		default:
			continue
		}
		if depth <= 0 {
			break
		}
	}
	return p.checked(start)
}

// checked gives s[start:i] if that is one JSON value.
func (p *scanner) checked(start int) (raw []byte, ok bool) {
	raw = p.s[start:p.i:p.i]
	return raw, json.Valid(raw)
}

// object walks the members of an object; each has to step over the value.
func (p *scanner) object(each func(key []byte) bool) bool {
	if !p.take('{') {
		return false
	}
	if p.take('}') {
		return true
	}
	for {
		key, ok := p.str()
		if !ok || !p.take(':') || !each(key) {
			return false
		}
		if !p.take(',') {
			return p.take('}')
		}
	}
}

// array walks the elements of an array; each has to step over one.
func (p *scanner) array(each func() bool) bool {
	if !p.take('[') {
		return false
	}
	if p.take(']') {
		return true
	}
	for {
		if !each() {
			return false
		}
		if !p.take(',') {
			return p.take(']')
		}
	}
}

// unquote gives the text of a string that str has accepted, in memory of its
// own. Half a surrogate pair becomes U+FFFD.
func unquote(raw []byte) []byte {
	in := raw[1 : len(raw)-1]
	out := make([]byte, 0, len(in))
	for {
		plain := bytes.IndexByte(in, '\\')
		if plain < 0 {
			return append(out, in...)
		}
		out, in = append(out, in[:plain]...), in[plain:]
		if in[1] != 'u' {
			out = append(out, unescaped(in[1]))
			in = in[2:]
			continue
		}
		r, _ := hex4(in[2:])
		in = in[6:]
		if utf16.IsSurrogate(r) {
			r, in = surrogate(r, in)
		}
		out = utf8.AppendRune(out, r)
	}
}

// unquoteName is unquote for what is short and seldom has an escape.
func unquoteName(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	return string(unquote(raw))
}

func unescaped(b byte) byte {
	switch b {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return b
}

// surrogate joins high with the escape that rest begins with.
func surrogate(high rune, rest []byte) (rune, []byte) {
	if len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
		low, _ := hex4(rest[2:])
		if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
			return r, rest[6:]
		}
	}
	return utf8.RuneError, rest
}

// canonicalInt reports whether PHP would make the array key s an integer.
func canonicalInt(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(n, 10) == s
}
