package e2e

import (
	"testing"
)

// TestGatewayKilledInDialogue: the gateway is killed in the middle of a
// conversation, and started again. What memcached keeps, nobody misses; what
// the gateway kept itself is gone with it, and both are told of the gap.
func TestGatewayKilledInDialogue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, transport string
		now             faults
		memcached       bool
	}{
		{"WebSocket, memcached", "websocket", faults{}, true},
		{"long-poll, memcached", "longpoll", faults{sockets: resetAtOnce}, true},
		{"WebSocket, memory", "websocket", faults{}, false},
		{"long-poll, memory", "longpoll", faults{sockets: resetAtOnce}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := startDialogueOn(t, tt.memcached, tt.now)
			d.awaitConnected(t, tt.transport)
			d.awaitBoth(t)
			d.lose(t, d.gateway.kill)
			if tt.memcached {
				d.awaitSaid(t, 10) // by PHP, who needs no gateway
			}
			d.gateway.start(t)
			d.awaitConnected(t, tt.transport)
			if gaps := d.end(t, !tt.memcached); !tt.memcached && gaps == 0 {
				t.Error("the page was not told that messages are missing")
			}
		})
	}
}

// startDialogueOn starts a dialogue over memcached, where the peer's messages
// are PHP's, or over what the gateway has in its memory.
func startDialogueOn(t *testing.T, memcached bool, now faults) *dialogue {
	t.Helper()
	if !memcached {
		return startDialogue(t, startGateway(t), now)
	}
	m := startMemcached(t)
	php := startPHP(t, newPHP, m.Addr, "room", "php", "JS")
	return startDialogueWith(t, onMemcached(t, m.Addr), now, php.send)
}

// TestGatewayReplacedInDialogue: a gateway that is asked to end says so to its
// pages, which go on with the next one.
func TestGatewayReplacedInDialogue(t *testing.T) {
	t.Parallel()
	m := startMemcached(t)
	php := startPHP(t, newPHP, m.Addr, "room", "php", "JS")
	d := startDialogueWith(t, onMemcached(t, m.Addr, "--grace", "1s"), faults{}, php.send)
	for range 2 {
		d.awaitConnected(t, "websocket")
		d.awaitBoth(t)
		d.lose(t, func() {
			if code := d.gateway.terminate(t); code != 0 {
				t.Errorf("exit code: got %d, want 0", code)
			}
		})
		d.gateway.start(t)
	}
	d.awaitConnected(t, "websocket")
	d.end(t, false)
}
