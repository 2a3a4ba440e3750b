package e2e

import (
	"fmt"
	"testing"
)

// transports are the two ways a page talks, and what makes it take them.
var transports = map[string]faults{
	"websocket": {},
	"longpoll":  {sockets: resetAtOnce},
}

// onEach runs a test with a dialogue over each of the transports.
func onEach(t *testing.T, f func(t *testing.T, d *dialogue, transport string)) {
	t.Helper()
	for transport, now := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			d := startDialogue(t, startGateway(t), now)
			d.awaitConnected(t, transport)
			d.awaitBoth(t)
			f(t, d, transport)
		})
	}
}

// TestOffline: the browser's network is away for a while. Nobody is told of
// the ends of connections then, and afterwards they lead nowhere.
func TestOffline(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *dialogue, transport string) {
		d.proxy.mute(true)
		d.browser.offline(t, true)
		d.awaitLife(t, "offline")
		d.awaitSaid(t, 30)
		d.browser.offline(t, false)
		d.awaitLife(t, "online")
		d.awaitConnected(t, transport)
		d.end(t, false)
	})
}

// TestOfflineForLong: a page that has noticed that its network is away does
// nothing until it is back, and then at once.
func TestOfflineForLong(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *dialogue, transport string) {
		d.lose(t, func() {
			d.browser.offline(t, true)
			d.proxy.cut()
		})
		d.awaitState(t, "waiting", "")
		d.awaitSaid(t, 50)
		d.browser.offline(t, false)
		d.awaitConnected(t, transport)
		d.end(t, false)
	})
}

// TestBackForwardCache: a page that is left and gone back to is the same one,
// out of the browser's cache, and goes on with the conversation.
func TestBackForwardCache(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *dialogue, transport string) {
		d.window.do(t, fields{"do": "go", "url": d.proxy.url + "/pages/"})
		d.awaitSaid(t, 10)
		d.window.do(t, fields{"do": "back"})
		d.window.await(t, `window.talk?.life.includes("pageshow persisted")`)
		d.window.await(t, `talk.states.some(({state}) => state === "paused")`)
		d.awaitConnected(t, transport)
		d.end(t, false)
	})
}

// TestHiddenPage: a page that nobody looks at hears everything, although its
// timers hardly run. Then the browser freezes it, and its connection dies
// meanwhile; when it is looked at again, it goes on.
func TestHiddenPage(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *dialogue, transport string) {
		other := d.browser.open(t, "other", d.proxy.url+"/pages/")
		other.front(t)
		d.awaitLife(t, "hidden")
		// No timer has run for long, and messages are as quick as ever.
		d.window.await(t, "Date.now() - talk.ticked > 5000")
		for range 3 {
			d.awaitMore(t, 5)
		}
		d.window.await(t, "Date.now() - talk.ticked > 5000")

		d.hushPage(t) // which would find out by itself
		d.goDead(t, transport)
		d.window.do(t, fields{"do": "freeze"})
		d.awaitLife(t, "freeze")
		d.awaitSaid(t, 30)
		d.proxy.set(transports[transport])
		d.window.do(t, fields{"do": "thaw"})
		d.window.front(t)
		d.awaitLife(t, "visible")
		d.awaitMore(t, 1)
		d.letPageTalk(t)
		d.end(t, false)
	})
}

// goDead has the page's connection lead nowhere. The page is not told.
func (d *dialogue) goDead(t *testing.T, transport string) {
	t.Helper()
	if transport == "websocket" {
		d.proxy.mute(true)
		return
	}
	d.proxy.set(faults{sockets: resetAtOnce, posts: lost})
	d.proxy.lost.atLeast(t, "an exchange that is lost", 1)
}

// TestHiddenPageLosesItsConnection: a hidden page whose connection ends comes
// back when somebody looks at it, if not before.
func TestHiddenPageLosesItsConnection(t *testing.T) {
	t.Parallel()
	d := startDialogue(t, startGateway(t), faults{})
	d.awaitConnected(t, "websocket")
	other := d.browser.open(t, "other", d.proxy.url+"/pages/")
	other.front(t)
	d.window.await(t, "Date.now() - talk.ticked > 5000")
	d.lose(t, d.proxy.cut)
	d.awaitSaid(t, 10)
	d.window.front(t)
	d.awaitConnected(t, "websocket")
	d.end(t, false)
}

// front puts a window in front of the others, which it hides in a plain
// browser.
func (w *window) front(t *testing.T) {
	t.Helper()
	w.do(t, fields{"do": "front"})
}

// TestLeftForGood: what a page was sending when it is left arrives, even if
// its WebSocket is dead.
func TestLeftForGood(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, d *dialogue, _ string) {
		const last = "page says goodbye"
		d.proxy.mute(true)
		d.window.do(t, fields{"do": "value", "of": fmt.Sprintf(`talk.leave(%q, %q)`, last, d.proxy.url+"/pages/")})
		d.peer.await(t, "the peer", last)
	})
}
