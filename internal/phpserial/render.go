package phpserial

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
)

// Decode reads PHP's serialization as JSON; the package comment tells how.
// All of data must be one value. An error wraps ErrSyntax or ErrLimit.
func Decode(data []byte, limits Limits) (json.RawMessage, error) {
	l := limits.withDefaults()
	v, err := parse(data, l)
	if err != nil {
		return nil, err
	}
	return render(v, len(data), 0, l)
}

// A renderer writes values as JSON until there is an err.
type renderer struct {
	out      []byte
	err      error
	most     int // bytes
	maxDepth int
}

// render is the JSON of v, which is of a text of size bytes and will stand
// inside of so many objects.
func render(v *value, size, depth int, l Limits) (json.RawMessage, error) {
	// Most texts are longer than their JSON.
	most := l.outputFor(size)
	r := &renderer{out: make([]byte, 0, min(most, size)), most: most, maxDepth: l.Depth}
	r.value(v, depth)
	if r.err != nil {
		return nil, r.err
	}
	return r.out, nil
}

// check comes after all that made the output longer or deeper, by one string
// of the text at most.
func (r *renderer) check(v *value, depth int) {
	switch {
	case r.err != nil:
	case len(r.out) > r.most:
		r.err = fmt.Errorf("%w: more than %d bytes of JSON with the value at byte %d", ErrLimit, r.most, v.at)
	case depth > r.maxDepth:
		r.err = fmt.Errorf("%w: JSON deeper than %d with the value at byte %d", ErrLimit, r.maxDepth, v.at)
	}
}

func (r *renderer) value(v *value, depth int) {
	switch {
	case v.open || v.kind == 'r':
		r.out = strconv.AppendInt(append(r.out, `{"__ref":`...), int64(v.number), 10)
		r.out = append(r.out, '}')
		depth++
	case v.kind == 's':
		r.text(v, v.text, depth)
	case v.kind == 'E':
		r.out = append(r.out, `{"__enum":`...)
		depth++
		r.text(v, v.text, depth)
		r.out = append(r.out, '}')
	case v.kind == 'a' || v.kind == 'O' || v.kind == 'C':
		depth++
		v.open = true
		r.members(v, depth)
		v.open = false
	default:
		r.out = append(r.out, v.text...)
	}
	r.check(v, depth)
}

// text writes a string of v at this depth.
func (r *renderer) text(v *value, s string, depth int) {
	if utf8.ValidString(s) {
		r.out = protocol.AppendString(r.out, s)
	} else {
		r.out = append(r.out, `{"`+bytesKey+`":"`...)
		r.out = base64.StdEncoding.AppendEncode(r.out, []byte(s))
		r.out = append(r.out, `"}`...)
		depth++
	}
	r.check(v, depth)
}

// members writes an array or an object, which is itself at this depth.
func (r *renderer) members(v *value, depth int) {
	opening, closing := byte('{'), byte('}')
	if v.list {
		opening, closing = '[', ']'
	}
	r.out = append(r.out, opening)
	if v.kind != 'a' {
		r.out = append(r.out, `"`+classKey+`":`...)
		r.text(v, v.text, depth)
	}
	r.check(v, depth)
	for i, m := range v.members {
		if r.err != nil {
			return
		}
		if i > 0 || v.kind != 'a' {
			r.out = append(r.out, ',')
		}
		if !v.list {
			r.out = append(protocol.AppendString(r.out, m.key), ':')
		}
		r.value(m.value, depth)
	}
	r.out = append(r.out, closing)
}
