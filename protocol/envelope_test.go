package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

// goldenEnvelope is a line of envelopes.jsonl.
type goldenEnvelope struct {
	Name    string
	Text    string
	B64     []byte `json:"text_b64"`
	Type    string
	Payload string
	From    string
	ReplyTo string `json:"reply_to"`
	Written bool
}

func (g goldenEnvelope) text() []byte {
	if g.B64 != nil {
		return g.B64
	}
	return []byte(g.Text)
}

func envelopes(t testing.TB) []goldenEnvelope {
	return golden(t, "envelopes.jsonl", func(g goldenEnvelope) string { return g.Name })
}

func TestParseEnvelope(t *testing.T) {
	for _, g := range envelopes(t) {
		t.Run(g.Name, func(t *testing.T) {
			got := protocol.ParseEnvelope(g.text())
			if got.Type != g.Type || string(got.Payload) != g.Payload || got.From != g.From || got.ReplyTo != g.ReplyTo {
				t.Errorf("got  %q, %s, from %q, reply to %q\nwant %q, %s, from %q, reply to %q",
					got.Type, got.Payload, got.From, got.ReplyTo, g.Type, g.Payload, g.From, g.ReplyTo)
			}
			if !json.Valid(got.Payload) {
				t.Errorf("the payload is no JSON: %s", got.Payload)
			}
			if !g.Written {
				return
			}
			if text := string(got.Append(nil)); text != string(g.text()) {
				t.Errorf("written\n got %s\nwant %s", text, g.text())
			}
		})
	}
}

func TestEnvelopeAppendWithoutPayload(t *testing.T) {
	e := protocol.Envelope{Type: "t", From: "alice"}
	if got, want := string(e.Append([]byte("x"))), `x{"type":"t","payload":null,"msg":null,"from":"alice"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is read from a text and written again says the same: a store may hold
// either.
func TestEnvelopeReadWrittenRead(t *testing.T) {
	for _, g := range envelopes(t) {
		t.Run(g.Name, func(t *testing.T) {
			once := protocol.ParseEnvelope(g.text())
			twice := protocol.ParseEnvelope(once.Append(nil))
			if once.Type != twice.Type || string(once.Payload) != string(twice.Payload) || once.From != twice.From || once.ReplyTo != twice.ReplyTo {
				t.Errorf("got %+v, want %+v", twice, once)
			}
		})
	}
}
