package transport

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A publisher keeps what it was given, or fails with err, or because the
// context has ended.
type publisher struct {
	err     error
	channel string
	message store.Message
}

func (p *publisher) Publish(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	p.channel, p.message = channel, m
	return "c7", cmp.Or(p.err, ctx.Err())
}

func (p *publisher) Format(string) protocol.Format { return protocol.FormatJSON }

func newSender(p Publisher, l Limits) *Sender {
	return &Sender{Publisher: p, Limits: l, Log: zerolog.Nop()}
}

func TestSend(t *testing.T) {
	p := &publisher{}
	f := protocol.ClientFrame{
		Op: protocol.OpSend, Ref: protocol.NewRef(3), Channel: "room",
		Type: "msg", Payload: json.RawMessage(`{"a":1}`), ID: "own-1", ReplyTo: "m0",
	}
	got, err := newSender(p, Limits{}).Send(t.Context(), &f, "alice")
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if want := `{"op":"sent","ref":3,"channel":"room","id":"own-1","cursor":"c7"}`; string(got.Append(nil)) != want {
		t.Errorf("frame: got %s, want %s", got.Append(nil), want)
	}
	wantText := `{"type":"msg","payload":{"a":1},"msg":{"a":1},"from":"alice","reply_to":"m0"}`
	if p.channel != "room" || p.message.ID != "own-1" || string(p.message.Text) != wantText {
		t.Errorf("stored: got %s %s %s, want room own-1 %s", p.channel, p.message.ID, p.message.Text, wantText)
	}
}

func TestSendChoosesID(t *testing.T) {
	p := &publisher{}
	f := protocol.ClientFrame{Op: protocol.OpSend, Channel: "room"}
	got, err := newSender(p, Limits{}).Send(t.Context(), &f, "alice")
	if err != nil {
		t.Fatalf("Send: %v", err)
	}
	if err := protocol.CheckMessageID(got.ID); err != nil || got.ID != p.message.ID {
		t.Errorf("id: got %q, stored %q, %v", got.ID, p.message.ID, err)
	}
}

func TestSendFails(t *testing.T) {
	big := json.RawMessage(`"` + strings.Repeat("x", 99) + `"`)
	for _, tt := range []struct {
		name    string
		p       *publisher
		payload json.RawMessage
		code    protocol.Code
		message string
	}{
		{"too large", &publisher{}, big, protocol.CodeTooLarge, "101 bytes, the most is 100"},
		{"store down", &publisher{err: store.ErrUnavailable}, nil, protocol.CodeUnavailable, "try again"},
		{"fault", &publisher{err: errors.New("secret")}, nil, protocol.CodeInternal, "its log has more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := protocol.ClientFrame{Op: protocol.OpSend, Ref: protocol.NewRef(9), Channel: "room", Payload: tt.payload}
			_, err := newSender(tt.p, Limits{MaxMessage: 100}).Send(t.Context(), &f, "alice")
			e, ok := errors.AsType[*protocol.Error](err)
			if !ok || e.Code != tt.code || e.Ref != f.Ref || !strings.Contains(e.Message, tt.message) {
				t.Errorf("got %#v, want code %q with ref 9 and %q", err, tt.code, tt.message)
			}
		})
	}
}

func TestSendPutsNoRefIntoASharedError(t *testing.T) {
	shared := &protocol.Error{Code: protocol.CodeRateLimited}
	f := protocol.ClientFrame{Op: protocol.OpSend, Ref: protocol.NewRef(1), Channel: "room"}
	if _, err := newSender(&publisher{err: shared}, Limits{}).Send(t.Context(), &f, "a"); err == nil {
		t.Fatal("Send: no error")
	}
	if _, has := shared.Ref.Value(); has {
		t.Error("the publisher's error was changed")
	}
}

func TestSendOutlivesItsRequest(t *testing.T) {
	f := protocol.ClientFrame{Op: protocol.OpSend, Channel: "room"}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newSender(&publisher{}, Limits{}).Send(gone, &f, "a"); err != nil {
		t.Errorf("the sender has left: got %v, want the message to be taken", err)
	}
}

// A message costs its envelope, its text, and the context without an end. A
// bound of time is the Publisher's, who may need none.
func TestSendAllocatesLittle(t *testing.T) {
	s := newSender(&publisher{}, Limits{})
	f := protocol.ClientFrame{Op: protocol.OpSend, Channel: "room", Type: "msg", ID: "own-1", Payload: json.RawMessage(`"hi"`)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := testing.AllocsPerRun(1000, func() {
		if _, err := s.Send(ctx, &f, "alice"); err != nil {
			t.Fatal(err)
		}
	})
	if got != 3 {
		t.Errorf("got %v allocations, want 3", got)
	}
}
