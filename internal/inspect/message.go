package inspect

import (
	"time"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// message reads a message in the format that its text is in: what the gateway
// is told of channels' formats is not known here.
func (in *inspector) message(m store.Message) Message {
	told := Message{ID: m.ID, Size: len(m.Text), Cursor: m.Cursor, Old: in.ago(m.Time)}
	if m.Time != 0 {
		at := time.UnixMilli(m.Time).UTC()
		told.Time = &at
	}
	var e protocol.Envelope
	told.Format, e = parse(m.Text)
	told.Type, told.From, told.ReplyTo, told.Payload = e.Type, e.From, e.ReplyTo, e.Payload
	if e.From != "" {
		in.senders[e.From] = true
	}
	return told
}

func parse(text []byte) (format string, e protocol.Envelope) {
	if e = protocol.ParseEnvelope(text); protocol.CheckJSON(text) == nil && isEnvelope(text) {
		return "json", e
	}
	if _, err := phpserial.ParseNative(text); err == nil {
		return "native", phpserial.Format{}.Parse(text)
	}
	return "raw", protocol.FormatRaw.Parse(text)
}

// isEnvelope reports whether valid JSON is an object with a text as "type".
func isEnvelope(text []byte) (is bool) {
	for key, value := range protocol.Members(text) {
		if key == "type" {
			is = value[0] == '"'
		}
	}
	return is
}
