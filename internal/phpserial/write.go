package phpserial

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A writer writes JSON that protocol.CheckJSON has accepted, and which ends
// without white space, as PHP's serialization, until there is an err.
type writer struct {
	in       []byte
	at       int // offset in in
	out      []byte
	base     int // len(out) at the beginning
	elements int // of all arrays so far
	err      error
}

func (w *writer) raw(parts ...string) {
	for _, s := range parts {
		w.out = append(w.out, s...)
	}
}

func (w *writer) string(s string) { w.raw("s:", strconv.Itoa(len(s)), `:"`, s, `";`) }

// refuse is about what begins at so many bytes.
func (w *writer) refuse(err error, at int, why string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s at byte %d of the payload", err, why, at)
	}
}

// check keeps the text within what ParseNative reads.
func (w *writer) check() {
	if len(w.out)-w.base > MaxInput {
		w.refuse(ErrLimit, w.at, fmt.Sprintf("more than %d bytes in PHP's serialization", MaxInput))
	}
	if w.elements > MaxElements {
		w.refuse(ErrLimit, w.at, fmt.Sprintf("more than %d elements", MaxElements))
	}
}

// value writes what is inside of so many arrays.
func (w *writer) value(depth int) {
	switch w.peek() {
	case '{', '[':
		w.array(depth)
		return
	case '"':
		w.string(w.readString())
		return
	}
	start := w.at
	for w.at < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[w.at]) < 0 {
		w.at++
	}
	switch word := string(w.in[start:w.at]); word {
	case "null":
		w.raw("N;")
	case "false":
		w.raw("b:0;")
	case "true":
		w.raw("b:1;")
	default:
		w.numeral(word, start)
	}
}

// numeral writes a number that begins at start.
func (w *writer) numeral(s string, start int) {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil && s != "-0" {
		w.raw("i:", s, ";")
		return
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		w.refuse(ErrRefused, start, "a number that no float holds")
		return
	}
	w.out = strconv.AppendFloat(append(w.out, "d:"...), f, 'G', -1, 64)
	w.raw(";")
}

// array writes a JSON array or object that is inside of so many arrays.
func (w *writer) array(depth int) {
	if depth >= MaxDepth {
		w.refuse(ErrLimit, w.at, fmt.Sprintf("deeper than %d", MaxDepth-1))
	}
	start := w.at
	w.at++
	var keys map[string]struct{}
	if w.in[start] == '{' {
		keys = map[string]struct{}{}
	}
	w.raw("a:")
	head := len(w.out) // where the count belongs
	count, isBytes := 0, false
	for ; w.err == nil && w.peek() != ']' && w.in[w.at] != '}'; count++ {
		key := w.key(count, keys)
		isBytes = key == bytesKey && w.peek() == '"'
		w.value(depth + 1)
		w.elements++
		w.check()
	}
	if isBytes && count == 1 {
		w.refuse(ErrRefused, start, "bytes that are not UTF-8, on which PHP would wipe the channel,")
	}
	w.at++
	w.out = slices.Insert(w.out, head, []byte(strconv.Itoa(count)+":{")...)
	w.raw("}")
}

// key writes the key of an array's next member: in an object (keys is not
// nil) what stands there, in a list its index.
func (w *writer) key(index int, keys map[string]struct{}) string {
	if keys == nil {
		w.raw("i:", strconv.Itoa(index), ";")
		return ""
	}
	start := w.at
	key := w.readString()
	if _, twice := keys[key]; twice {
		w.refuse(ErrRefused, start, fmt.Sprintf("the key %.40q a second time", key))
	}
	keys[key] = struct{}{}
	if n, err := strconv.ParseInt(key, 10, 64); err == nil && strconv.FormatInt(n, 10) == key {
		w.raw("i:", key, ";") // as PHP's arrays have it
	} else {
		w.string(key)
	}
	return key
}

// peek is the byte that the next key or value begins with, or that ends the
// array or object.
func (w *writer) peek() byte {
	for strings.IndexByte(" \t\r\n,:", w.in[w.at]) >= 0 {
		w.at++
	}
	return w.in[w.at]
}

// readString reads a JSON string.
func (w *writer) readString() (s string) {
	start, escaped := w.at, false
	for w.at++; w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			escaped = true
			w.at++
		}
	}
	w.at++
	if !escaped {
		return string(w.in[start+1 : w.at-1])
	}
	if err := json.Unmarshal(w.in[start:w.at], &s); err != nil {
		w.refuse(ErrRefused, start, err.Error())
	}
	return s
}
