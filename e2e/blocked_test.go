package e2e

import (
	"net/http"
	"testing"
	"time"
)

// TestWebSocketBlocked: a page whose network lets no WebSocket through talks
// over long-poll from the first moment on, and over WebSocket once the network
// does.
func TestWebSocketBlocked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		now  faults
	}{
		{"refused", faults{sockets: refused(http.StatusForbidden)}},
		{"reset", faults{sockets: resetAtOnce}},
		{"taken for a plain request", faults{sockets: withoutUpgrade}},
		{"opened and never answered", faults{sockets: neverAnswered(true)}},
		{"frames and answers held back", faults{sockets: neverAnswered(false), posts: inLumps(1 << 20)}},
		{"answers in lumps", faults{sockets: refused(http.StatusServiceUnavailable), posts: inLumps(64)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := startDialogue(t, startGateway(t), tt.now)
			d.awaitConnected(t, "longpoll")
			d.awaitBoth(t)
			if d.proxy.handshakes.Load() == 0 {
				t.Error("there was no WebSocket to be blocked")
			}
			d.proxy.set(faults{})
			d.awaitConnected(t, "websocket")
			d.end(t, false)
		})
	}
}

// TestWebSocketCutAgainAndAgain: where every WebSocket is killed soon after it
// has opened, a page settles on long-poll.
func TestWebSocketCutAgainAndAgain(t *testing.T) {
	t.Parallel()
	d := startDialogue(t, startGateway(t), faults{sockets: killedAfter(300 * time.Millisecond)})
	d.awaitBlocked(t)
	d.awaitConnected(t, "longpoll")
	d.awaitBoth(t)
	d.proxy.set(faults{})
	d.changeNetworks(t)
	d.awaitConnected(t, "websocket")
	d.end(t, false)
}

// TestWebSocketGivenUp: a page whose network lets no WebSocket through does
// not try for ever, nor anew on each load. When the network changes, it does.
func TestWebSocketGivenUp(t *testing.T) {
	t.Parallel()
	d := startDialogue(t, startGateway(t), faults{sockets: refused(http.StatusForbidden)})
	d.awaitBlocked(t)
	d.end(t, false)
	tried := d.proxy.handshakes.Load()
	d.window.do(t, fields{"do": "reload"})
	d.awaitConnected(t, "longpoll")
	if again := d.proxy.handshakes.Load(); again != tried {
		t.Errorf("WebSockets after the page was loaded anew: got %d, want none", again-tried)
	}
	d.proxy.set(faults{})
	d.changeNetworks(t)
	d.awaitConnected(t, "websocket")
}

// awaitBlocked waits until the page's client holds WebSocket for blocked, and
// has the tab remember it.
func (d *dialogue) awaitBlocked(t *testing.T) {
	t.Helper()
	d.window.await(t, `Object.keys(sessionStorage).some((key) => key.startsWith("commchannel.blocked"))`)
}

// changeNetworks has the browser be offline for a moment.
func (d *dialogue) changeNetworks(t *testing.T) {
	t.Helper()
	d.browser.offline(t, true)
	d.awaitLife(t, "offline")
	d.browser.offline(t, false)
	d.awaitLife(t, "online")
}

func (c *chromium) offline(t *testing.T, on bool) {
	t.Helper()
	c.do(t, fields{"do": "offline", "on": on})
}
