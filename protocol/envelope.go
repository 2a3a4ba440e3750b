package protocol

import (
	"encoding/json"
	"strconv"
)

// An Envelope is a message as the seed's clients write and read it: a JSON
// object in a text. Stores keep that text, so that PHP, old pages and new
// ones share one channel.
type Envelope struct {
	Type    string
	Payload json.RawMessage
	From    string // empty where nobody was named
	ReplyTo string
	// ID is what replies call the message, where its text has a name for that;
	// empty: the message's own id.
	ID string
}

// Append appends e to dst as {"type","payload","msg","from"}: the seed's JS
// client reads "payload", its PHP class reads "msg", so both are there and
// equal. A reply also has "reply_to".
func (e *Envelope) Append(dst []byte) []byte {
	o := object{AppendString(append(dst, `{"type":`...), e.Type)}
	o.raw("payload", e.Payload)
	o.raw("msg", e.Payload)
	o.str("from", e.From)
	o.opt("reply_to", e.ReplyTo)
	return o.end()
}

// ParseEnvelope reads a message's text. "msg" without "payload" is the
// payload; a "from" that is a number becomes its decimal text. A text that is
// no JSON object with a string "type" has Type "" and is itself the payload,
// as a JSON string. Payload may share text's memory.
func ParseEnvelope(text []byte) Envelope {
	if !accepts(text, MaxDepth) {
		return plainEnvelope(text)
	}
	var e Envelope
	var msg json.RawMessage
	isEnvelope := false
	for key, value := range members(text) {
		switch string(key) {
		case "type":
			if isEnvelope = isString(value); isEnvelope {
				e.Type = string(decoded(value))
			}
		case "payload":
			e.Payload = value
		case "msg":
			msg = value
		case "from":
			e.From = sender(value)
		case "reply_to":
			if isString(value) {
				e.ReplyTo = string(decoded(value))
			}
		}
	}
	if !isEnvelope {
		return plainEnvelope(text)
	}
	if e.Payload == nil {
		e.Payload = msg
	}
	if e.Payload == nil {
		e.Payload = jsonNull
	}
	return e
}

// plainEnvelope is a text that is no envelope.
func plainEnvelope(text []byte) Envelope {
	return Envelope{Payload: AppendString(nil, string(text))}
}

// sender is the client id that an envelope's "from" tells.
func sender(v json.RawMessage) string {
	switch {
	case isString(v):
		return string(decoded(v))
	case len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9'):
		return ""
	}
	if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	// Beyond 64 bits or with a fraction: as JavaScript would print it, nearly.
	x, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}
