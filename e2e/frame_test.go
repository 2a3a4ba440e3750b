package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A fields is a frame as a client writes it.
type fields map[string]any

// A frame is what a client reads. The tests decode it themselves: were it
// wrong on both sides, package protocol would not notice.
type frame struct {
	Op        string          `json:"op"`
	Ref       int             `json:"ref"`
	Channel   string          `json:"channel"`
	Cursor    string          `json:"cursor"`
	Recovered *bool           `json:"recovered"`
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	From      string          `json:"from"`
	Payload   json.RawMessage `json:"payload"`
	ClientID  string          `json:"clientid"`
	Clients   []string        `json:"clients"`
	Count     int             `json:"count"`
	Code      string          `json:"code"`
	Message   string          `json:"message"`
	Reason    string          `json:"reason"`
	Retry     *int            `json:"retry"`
}

// text is the payload where that is a text, as in these tests it always is.
func (f *frame) text() string {
	var s string
	if json.Unmarshal(f.Payload, &s) != nil {
		return "no text: " + string(f.Payload)
	}
	return s
}

// An inbox is what a client was told of its channel: "subscribed", "message"
// and "gap", in the order in which they came.
type inbox struct{ journal[frame] }

func (b *inbox) take(f frame) {
	switch f.Op {
	case "subscribed", "message", "gap":
		b.add(f)
	}
}

// cursor is where a client that comes back goes on.
func (b *inbox) cursor() string {
	if frames := b.all(); len(frames) > 0 {
		return frames[len(frames)-1].Cursor
	}
	return ""
}

// messages are the "message" frames.
func (b *inbox) messages() []frame {
	var messages []frame
	for _, f := range b.all() {
		if f.Op == "message" {
			messages = append(messages, f)
		}
	}
	return messages
}

// texts are the messages' payloads.
func (b *inbox) texts() []string {
	texts := []string{}
	for _, f := range b.messages() {
		texts = append(texts, f.text())
	}
	return texts
}

// await waits for the message with a text.
func (b *inbox) await(t *testing.T, who, text string) {
	t.Helper()
	b.first(t, who+"'s message "+text, 0, func(f frame) bool { return f.Op == "message" && f.text() == text })
}

// awaitMore waits for n more messages than there are.
func (b *inbox) awaitMore(t *testing.T, who string, n int) {
	t.Helper()
	b.awaitCount(t, who, len(b.messages())+n)
}

// awaitCount waits until there are n messages.
func (b *inbox) awaitCount(t *testing.T, who string, n int) {
	t.Helper()
	b.first(t, fmt.Sprintf("%s's message number %d", who, n), 0, func(f frame) bool {
		if f.Op == "message" {
			n--
		}
		return n == 0
	})
}

// wantRecovered fails t if the client was told, at any time, that messages may
// be missing.
func (b *inbox) wantRecovered(t *testing.T, who string) {
	t.Helper()
	for _, f := range b.all() {
		if f.Op == "gap" || f.Recovered != nil && !*f.Recovered {
			t.Errorf("%s was told that messages may be missing: %+v", who, f)
		}
	}
}

// wantTexts fails t with the difference.
func wantTexts(t *testing.T, who string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what %s heard (-want +got):\n%s", who, diff)
	}
}

// A spot is a message and its place.
type spot struct{ Text, Cursor string }

func (b *inbox) spots() []spot {
	var spots []spot
	for _, f := range b.messages() {
		spots = append(spots, spot{f.text(), f.Cursor})
	}
	return spots
}
