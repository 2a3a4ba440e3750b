package e2e

import (
	"net/http"
	"testing"
	"time"
)

// TestWebSocketCut: a page's WebSocket is cut again and again, as often as it
// has carried something. What was under way then is neither lost nor doubled.
func TestWebSocketCut(t *testing.T) {
	t.Parallel()
	d := startDialogue(t, startGateway(t), faults{})
	for range 3 {
		d.awaitConnected(t, "websocket")
		d.awaitBoth(t)
		d.lose(t, d.proxy.cut)
	}
	d.end(t, false)
}

// TestWebSocketSilent: a WebSocket through which nothing passes any more, and
// of which nobody is told, is found out and replaced.
func TestWebSocketSilent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		up   bool // nothing passes to the gateway, either
	}{
		{"in both directions", true},
		{"towards the page", false}, // what the page sends arrives, and it does not know
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := startDialogue(t, startGateway(t), faults{})
			d.awaitConnected(t, "websocket")
			d.awaitBoth(t)
			d.lose(t, func() { d.proxy.mute(tt.up) })
			d.awaitConnected(t, "websocket")
			d.end(t, false)
		})
	}
}

// TestExchangesCutShort: where a proxy gives up on whatever is not answered
// within two seconds, long-poll goes on, and messages come when they are sent.
func TestExchangesCutShort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		then fault
	}{
		{"by a reset", resetAtOnce},
		{"with status 504", refused(http.StatusGatewayTimeout)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := startDialogue(t, startGateway(t), faults{sockets: resetAtOnce, posts: impatient(2*time.Second, tt.then)})
			d.awaitConnected(t, "longpoll")
			d.slow(3 * time.Second) // what is held is cut in between
			d.awaitMore(t, 3)
			d.slow(dialoguePause)
			d.end(t, false)
		})
	}
}

// TestExchangesLost: exchanges are not answered any more. The transport is
// given up, and what was sent is sent again: it may have arrived.
func TestExchangesLost(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		posts fault
	}{
		{"on the way there", lost},
		{"on the way back", answerLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := startDialogue(t, startGateway(t), faults{sockets: resetAtOnce})
			d.awaitConnected(t, "longpoll")
			d.awaitBoth(t)
			d.lose(t, func() { d.proxy.set(faults{sockets: resetAtOnce, posts: tt.posts}) })
			d.proxy.set(faults{sockets: resetAtOnce})
			d.awaitConnected(t, "longpoll")
			d.end(t, false)
		})
	}
}

// TestNothingToSay: a connection over which nobody says anything for a while
// is as good as another, and is kept.
func TestNothingToSay(t *testing.T) {
	t.Parallel()
	for transport, now := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			// The least times there are: silence is found strange after 5 s.
			d := startDialogue(t, startGateway(t, "--ping", "5s", "--hold", "1s"), now)
			d.awaitConnected(t, transport)
			d.awaitBoth(t)
			d.hush()
			d.hushPage(t)
			d.window.await(t, "Date.now() - talk.heard.at(-1).at > 15000")
			d.wantNeverLost(t)
		})
	}
}

// wantNeverLost wants the page's client to have kept its first connection.
func (d *dialogue) wantNeverLost(t *testing.T) {
	t.Helper()
	if lost := d.window.number(t, "talk.lost"); lost != 0 {
		t.Errorf("the page lost its connection %d times, want never", lost)
	}
}
