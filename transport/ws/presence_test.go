package ws

import (
	"slices"
	"testing"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// withPresence keeps it of all channels but "dark".
func withPresence(c *hub.Config) {
	c.Presence = func(channel string) bool { return channel != "dark" }
}

// wantPresent asks, and wants the answer to come next.
func (c *client) wantPresent(clients ...string) {
	c.t.Helper()
	c.say(`{"op":"presence","ref":4,"channel":"room"}`)
	f := c.want(protocol.OpPresence)
	if !slices.Equal(f.Clients, clients) || f.Count != len(clients) || f.Channel != "room" || f.Ref != protocol.NewRef(4) {
		c.t.Errorf("got %s, want %q in the room", f.Append(nil), clients)
	}
}

func (c *client) wantEvent(op protocol.Op, clientID string) {
	c.t.Helper()
	if f := c.want(op); f.ClientID != clientID || f.Channel != "room" {
		c.t.Errorf("got %s, want %q's", f.Append(nil), clientID)
	}
}

func TestPresence(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, withPresence))
	alice, bob, outside := enter(t, addr, "alice"), enter(t, addr, "bob"), enter(t, addr, "outside")
	alice.subscribe("room")
	alice.wantPresent("alice")
	bob.subscribe("room")
	bob.wantPresent("alice", "bob")
	alice.wantEvent(protocol.OpJoin, "bob")
	outside.wantPresent("alice", "bob")
	bob.say(`{"op":"send","channel":"room","type":"t","payload":1}`)
	alice.want(protocol.OpMessage)
	bob.say(`{"op":"unsubscribe","ref":2,"channel":"room"}`)
	bob.want(protocol.OpUnsubscribed)
	alice.wantEvent(protocol.OpLeave, "bob")
	alice.wantPresent("alice")
	bob.wantPresent("alice")

	for _, frame := range []string{`{"op":"presence","ref":9,"channel":"dark"}`, `{"op":"presence","ref":9,"channel":"192.0.2.1_a"}`} {
		outside.say(frame)
		if e := outside.wantError(protocol.CodeForbidden); e.Ref != protocol.NewRef(9) {
			t.Errorf("%s: got %s, want ref 9", frame, e.Append(nil))
		}
	}
	alice.say(`{"op":"presence","channel":"room"}`)
	if f := alice.want(protocol.OpPresence); f.Ref != (protocol.Ref{}) {
		t.Errorf("asked without ref: got %s", f.Append(nil))
	}
}

// TestReloadGoesUnnoticed: a connection that ends is told of only if no other
// one comes.
func TestReloadGoesUnnoticed(t *testing.T) {
	inBubble(t, withPresence, func(t *testing.T, _ *Handler, l *pipeListener) {
		alice, bob := enterPipe(t, l, "alice"), enterPipe(t, l, "bob")
		alice.subscribe("room")
		bob.subscribe("room")
		alice.wantEvent(protocol.OpJoin, "bob")
		for range 3 {
			bob.ws.CloseNow()
			time.Sleep(4 * time.Second)
			bob = enterPipe(t, l, "bob")
			bob.subscribe("room")
			alice.wantPresent("alice", "bob") // and nothing between
		}
		lost := time.Now()
		bob.ws.CloseNow()
		alice.wantEvent(protocol.OpLeave, "bob")
		if took := time.Since(lost); took != 5*time.Second {
			t.Errorf("told after %v, want 5 s", took)
		}
		alice.wantPresent("alice")
	})
}
