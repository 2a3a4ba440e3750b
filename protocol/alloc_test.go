package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func messageFrame() *protocol.ServerFrame {
	return &protocol.ServerFrame{
		Op: protocol.OpMessage, Channel: "room", Cursor: "g660e3d7f69cb3-0123456789ab",
		ID: "g660e3d7f69cb3-0123456789ab", Type: "msg", From: "bob \"ü\"",
		Payload: json.RawMessage(`{"text":"The quick brown fox jumps over the lazy dog, and the dog lets it, as ever."}`),
		ReplyTo: "own-1", Time: 1795389286619,
	}
}

func wantAllocs(t *testing.T, want float64, what string, do func()) {
	t.Helper()
	if got := testing.AllocsPerRun(1000, do); got != want {
		t.Errorf("%s: got %v allocations, want %v", what, got, want)
	}
}

// The hub encodes every message once, into room it already has.
func TestAppendDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	f := messageFrame()
	wantAllocs(t, 0, "message", func() { buf = f.Append(buf[:0]) })
	yes := true
	subscribed := &protocol.ServerFrame{Op: protocol.OpSubscribed, Ref: protocol.NewRef(1), Channel: "room", Cursor: "c", Recovered: &yes}
	wantAllocs(t, 0, "subscribed", func() { buf = subscribed.Append(buf[:0]) })
	presence := &protocol.ServerFrame{Op: protocol.OpPresence, Channel: "room", Clients: []string{"alice", "bob"}, Count: 2}
	wantAllocs(t, 0, "presence", func() { buf = presence.Append(buf[:0]) })
	e := protocol.Envelope{Type: "msg", Payload: f.Payload, From: "bob"}
	wantAllocs(t, 0, "envelope", func() { buf = e.Append(buf[:0]) })
	s := "a \"text\"\n with ü and \x00 and \xff and \u2028"
	wantAllocs(t, 0, "AppendString", func() { buf = protocol.AppendString(buf[:0], s) })
}

func TestCheckJSONDoesNotAllocate(t *testing.T) {
	text := messageFrame().Append(nil)
	wantAllocs(t, 0, "CheckJSON", func() {
		if err := protocol.CheckJSON(text); err != nil {
			t.Fatal(err)
		}
	})
}

// A decoded frame has strings of its own for what it keeps, and nothing else.
func TestDecodingAllocatesWhatIsKept(t *testing.T) {
	for _, tt := range []struct {
		name, frame string
		want        float64
	}{
		{"nothing", `{"op":"ping","ref":5}`, 0},
		{"channel", `{"op":"unsubscribe","ref":5,"channel":"room"}`, 1},
		{"channel and type", `{"op":"send","ref":5,"channel":"room","type":"msg","payload":{"text":"hello"},"unknown":"field"}`, 2},
		{"channel, type and id", `{"op":"send","ref":5,"channel":"room","type":"msg","id":"own-1","payload":"\u00e9"}`, 3},
	} {
		data := []byte(tt.frame)
		wantAllocs(t, tt.want, tt.name, func() {
			if _, err := protocol.DecodeClient(data); err != nil {
				t.Fatal(err)
			}
		})
	}
	text := []byte(`{"type":"msg","payload":"hello","msg":"hello","from":"bob"}`)
	wantAllocs(t, 2, "type and sender", func() {
		if protocol.ParseEnvelope(text).From != "bob" {
			t.Fatal("not read")
		}
	})
}

// Names are checked on every frame, and nearly always good.
func TestChecksDoNotAllocate(t *testing.T) {
	wantAllocs(t, 0, "checks", func() {
		if protocol.CheckChannel("room-é") != nil || protocol.CheckClientID("alice") != nil ||
			protocol.CheckMessageID("own-1") != nil || protocol.CheckCursor("c1") != nil ||
			protocol.MessageTime("g660e3d7f69cb3-0123456789ab") == 0 {
			t.Fatal("refused")
		}
	})
}
