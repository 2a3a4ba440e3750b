package phpserial

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
)

// A Native is a message of a native channel.
type Native struct {
	Type    string
	ID      string // of the conversation: a reply has that of the message it answers
	Payload json.RawMessage
}

// ParseNative reads a message of a native channel within the default Limits:
// an array with the keys "type", "id" and "payload" in any order, and maybe
// others. An integer as type or id is its digits, as it is for PHP's arrays.
// The payload's JSON is at most MaxDepth-1 deep, so that it fits in a frame.
// An error wraps ErrSyntax, ErrLimit or, for text that is of another form,
// ErrMessage.
func ParseNative(text []byte) (Native, error) {
	l := Limits{}.withDefaults()
	v, err := parse(text, l)
	if err != nil {
		return Native{}, err
	}
	found := map[string]*value{}
	for _, m := range v.members {
		found[m.key] = m.value
	}
	typ, id, payload := found["type"], found["id"], found["payload"]
	switch {
	case v.kind != 'a' || payload == nil:
		return Native{}, fmt.Errorf(`%w: no array with a "payload" at byte 0`, ErrMessage)
	case !typ.isWord():
		return Native{}, fmt.Errorf(`%w: no text as "type" in the array at byte 0`, ErrMessage)
	case !id.isWord():
		return Native{}, fmt.Errorf(`%w: no text as "id" in the array at byte 0`, ErrMessage)
	}
	body, err := render(payload, len(text), 1, l)
	if err != nil {
		return Native{}, err
	}
	return Native{Type: typ.text, ID: id.text, Payload: body}, nil
}

func (v *value) isWord() bool {
	return v != nil && (v.kind == 'i' || v.kind == 's' && utf8.ValidString(v.text))
}

// AppendNative appends a message of a native channel to dst, made of nothing
// but null, booleans, numbers, strings and arrays. An empty payload is null.
// What it writes ParseNative can read. If it can't write, it returns dst as it
// was and an error that wraps ErrRefused (for what protocol.CheckJSON refuses,
// a key that is twice in one object, a number that no float holds, and
// {"__b64":...}) or ErrLimit (more than MaxInput bytes of either, more than
// MaxElements with the message's own three, deeper than MaxDepth-1).
func AppendNative(dst []byte, typ, id string, payload json.RawMessage) ([]byte, error) {
	if len(payload) == 0 {
		payload = json.RawMessage("null")
	}
	switch {
	case !utf8.ValidString(typ) || !utf8.ValidString(id):
		return dst, fmt.Errorf("%w: type or id is not valid UTF-8", ErrRefused)
	case len(payload) > MaxInput:
		return dst, fmt.Errorf("%w: a payload of %d bytes, the most is %d", ErrLimit, len(payload), MaxInput)
	}
	if err := protocol.CheckJSON(payload); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	w := &writer{in: bytes.TrimRight(payload, " \t\r\n"), out: dst, base: len(dst), elements: 3}
	w.raw("a:3:{")
	w.string("type")
	w.string(typ)
	w.string("id")
	w.string(id)
	w.string("payload")
	w.value(1)
	w.raw("}")
	if w.check(); w.err != nil {
		return dst, w.err
	}
	return w.out, nil
}

// NativeIDs makes ids of conversations as PHP's uniqid does: 8 hexadecimal
// digits of seconds and 5 of microseconds. One NativeIDs never makes the same
// twice, others may. The zero value is ready, and any goroutine may use it.
type NativeIDs struct {
	last atomic.Int64 // microseconds
}

// New is an id made at now, or in the first microsecond later that is free.
func (n *NativeIDs) New(now time.Time) string {
	for {
		last := n.last.Load()
		us := max(now.UnixMicro(), last+1)
		if n.last.CompareAndSwap(last, us) {
			return hex(us/1e6, 8) + hex(us%1e6, 5)
		}
	}
}

// hex is the last digits of n, which is less than 1<<32.
func hex(n int64, digits int) string {
	s := strconv.FormatInt(n|1<<32, 16) // leading zeros, too
	return s[len(s)-digits:]
}
