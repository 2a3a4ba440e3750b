package phpserial

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A value is one of the text.
type value struct {
	// As in the text: N b i d s a O E C; r is a reference to what can't be counted.
	kind byte
	list bool // a: the keys are 0, 1, 2...
	open bool // being rendered: a reference to it is a cycle
	// number is the place in PHP's count of values.
	number int
	at     int // offset in the text
	// text is JSON for N b i d, bytes for s, the class for O and C, the case for E.
	text    string
	members []member // of a and O; the data of C
}

type member struct {
	key   string
	value *value
}

// A parser reads one text. All strings it makes are pieces of s. Its methods
// do nothing once there is an err; what they return then means nothing.
type parser struct {
	s        string
	at       int
	err      error
	limits   Limits
	elements int      // members seen so far
	values   []*value // by number, less one
	// certain is how many values there were when the first C came, whose data
	// may hold some that PHP counts; -1 before.
	certain int
}

// parse reads the whole text as one value.
func parse(data []byte, l Limits) (*value, error) {
	if len(data) > l.Input {
		return nil, fmt.Errorf("%w: %d bytes of text, the most is %d", ErrLimit, len(data), l.Input)
	}
	p := &parser{s: string(data), limits: l, certain: -1}
	v := p.value(0)
	if p.at != len(p.s) {
		p.fail(p.at, "%d bytes too many", len(p.s)-p.at)
	}
	return v, p.err
}

func (p *parser) fail(at int, format string, args ...any) { p.failWith(ErrSyntax, at, format, args...) }

func (p *parser) failWith(err error, at int, format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s at byte %d", err, fmt.Sprintf(format, args...), at)
	}
}

// value reads what is inside of so many arrays and objects.
func (p *parser) value(depth int) *value {
	v := &value{number: len(p.values) + 1, at: p.at}
	if p.err != nil || p.at == len(p.s) {
		p.fail(p.at, "the text ends where a value begins,")
		return v
	}
	v.kind = p.s[p.at]
	if v.kind == 'r' || v.kind == 'R' {
		return p.reference(v.kind)
	}
	p.values = append(p.values, v) // before its members: they may refer to it
	switch v.kind {
	case 'N':
		v.text = "null"
		p.expect("N;")
	case 'b', 'i', 'd':
		p.scalar(v)
	case 's':
		v.text = p.counted("s:")
		p.expect(";")
	case 'a':
		p.array(v, depth)
	case 'O':
		p.object(v, depth)
	case 'E': // E:6:"Suit:H";
		v.text = p.counted("E:")
		if p.expect(";"); strings.IndexByte(v.text, ':') < 0 {
			p.fail(v.at, "an enum without a case")
		}
	case 'C':
		p.custom(v)
	default:
		p.fail(p.at, "%q begins no value", v.kind)
	}
	return v
}

// reference reads "r:5;" (the same object) or "R:5;" (the same variable).
func (p *parser) reference(kind byte) *value {
	start := p.at
	p.at++
	p.expect(":")
	n := p.size(';', math.MaxInt32)
	target := &value{kind: 'r', number: n, at: start}
	switch {
	case p.certain >= 0 && n > p.certain:
	case 0 < n && n <= len(p.values):
		target = p.values[n-1]
	default:
		p.fail(start, "a reference to value %d of %d", n, len(p.values))
	}
	if kind == 'r' {
		if strings.IndexByte("OECr", target.kind) < 0 {
			p.fail(start, "a reference to value %d, which is no object,", n)
		}
		p.values = append(p.values, target) // PHP counts r, and not R
	}
	return target
}

// scalar reads "b:1;", "i:5;" or "d:1.5;".
func (p *parser) scalar(v *value) {
	text, _, ok := strings.Cut(p.s[p.at+1:], ";")
	body, colon := strings.CutPrefix(text, ":")
	if ok = ok && colon; ok {
		switch v.kind {
		case 'b':
			v.text, ok = map[string]string{"0": "false", "1": "true"}[body]
		case 'i':
			v.text, ok = integer(body)
		case 'd':
			v.text, ok = float(body)
		}
	}
	if !ok {
		p.fail(p.at, "no value of type %q", v.kind)
		return
	}
	p.at += len(text) + 2
}

// integer is the canonical form of digits that 64 bits hold.
func integer(s string) (string, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (s[0] == '+' || s[0] == '0' || s[0] == '-' && s[1] == '0') {
		s = strconv.FormatInt(n, 10)
	}
	return s, err == nil
}

// float is the JSON of a float in PHP's grammar.
func float(s string) (string, bool) {
	switch {
	case s == "INF", s == "-INF", s == "NAN":
		return `"` + s + `"`, true
	case strings.Trim(s, "0123456789+-.eE") != "": // ParseFloat takes names and hexadecimal
		return "", false
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(f, 1):
		return `"INF"`, true
	case math.IsInf(f, -1):
		return `"-INF"`, true
	case err != nil:
		return "", false
	}
	text, err := json.Marshal(f)
	return string(text), err == nil
}

// custom reads `C:3:"Set":5:{bytes}`.
func (p *parser) custom(v *value) {
	if p.certain < 0 {
		p.certain = len(p.values)
	}
	v.text = p.counted("C:")
	p.expect(":")
	data := &value{kind: 's', at: p.at}
	data.text = p.sized('{', '}')
	v.members = []member{{"__data", data}}
}

// expect reads exactly s.
func (p *parser) expect(s string) {
	if p.err == nil && strings.HasPrefix(p.s[p.at:], s) {
		p.at += len(s)
		return
	}
	p.fail(p.at, "no %q", s)
}

// counted reads begin and `5:"bytes"`.
func (p *parser) counted(begin string) string {
	p.expect(begin)
	return p.sized('"', '"')
}

// sized reads "5:", the opening byte, so many bytes and the closing one.
func (p *parser) sized(opening, closing byte) string {
	n := p.size(':', len(p.s))
	rest := p.s[p.at:]
	if p.err != nil || len(rest) < n+2 || rest[0] != opening || rest[n+1] != closing {
		p.fail(p.at, "no %d bytes in %c and %c", n, opening, closing)
		return ""
	}
	p.at += n + 2
	return rest[1 : n+1]
}

// size reads digits and the byte behind them. A number beyond most is an error.
func (p *parser) size(end byte, most int) int {
	n, i := 0, p.at
	for ; i < len(p.s) && '0' <= p.s[i] && p.s[i] <= '9'; i++ {
		if n = 10*n + int(p.s[i]-'0'); n > most {
			p.fail(p.at, "a number beyond %d", most)
			return 0
		}
	}
	if i == p.at || i == len(p.s) || p.s[i] != end {
		p.fail(p.at, "no number and %q", end)
		return 0
	}
	p.at = i + 1
	return n
}
