package phpserial

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
)

// A Native is a message of a native channel.
type Native struct {
	Type    string
	ID      string // of the conversation: a reply has that of the message it answers
	Payload json.RawMessage
	From    string // of the client that sent it through a gateway; PHP names none
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
	typ, id, payload, from := found["type"], found["id"], found["payload"], found["from"]
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
	n := Native{Type: typ.text, ID: id.text, Payload: body}
	if from.isWord() {
		n.From = from.text
	}
	return n, nil
}

func (v *value) isWord() bool {
	return v != nil && (v.kind == 'i' || v.kind == 's' && utf8.ValidString(v.text))
}

// AppendNative appends a message of a native channel to dst, made of nothing
// but null, booleans, numbers, strings and arrays. An empty payload is null, an
// empty From is left out: PHP passes over the key.
// What it writes ParseNative can read. If it can't write, it returns dst as it
// was and an error that wraps ErrRefused (for what protocol.CheckJSON refuses,
// a key that is twice in one object, a number that no float holds, and
// {"__b64":...}) or ErrLimit (more than MaxInput bytes of either, more than
// MaxElements with the message's own, deeper than MaxDepth-1).
func AppendNative(dst []byte, n Native) ([]byte, error) {
	payload := n.Payload
	if len(payload) == 0 {
		payload = json.RawMessage("null")
	}
	switch {
	case !utf8.ValidString(n.Type) || !utf8.ValidString(n.ID) || !utf8.ValidString(n.From):
		return dst, fmt.Errorf("%w: type, id or from is not valid UTF-8", ErrRefused)
	case len(payload) > MaxInput:
		return dst, fmt.Errorf("%w: a payload of %d bytes, the most is %d", ErrLimit, len(payload), MaxInput)
	}
	if err := protocol.CheckJSON(payload); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	w := &writer{in: bytes.TrimRight(payload, " \t\r\n"), out: dst, base: len(dst), elements: 3}
	w.message(&n)
	if w.check(); w.err != nil {
		return dst, w.err
	}
	return w.out, nil
}

func (w *writer) message(n *Native) {
	if n.From != "" {
		w.elements++
		w.raw("a:4:{")
	} else {
		w.raw("a:3:{")
	}
	w.string("type")
	w.string(n.Type)
	w.string("id")
	w.string(n.ID)
	w.string("payload")
	w.value(1)
	if n.From != "" {
		w.string("from")
		w.string(n.From)
	}
	w.raw("}")
}
