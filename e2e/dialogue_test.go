package e2e

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"
)

// dialoguePause is how long a peer waits after each of its messages, at first.
const dialoguePause = 100 * time.Millisecond

// A dialogue is a conversation between a page, whose way to the gateway has
// faults, and a peer, whose way has none. Both send numbered messages all the
// time. Its methods belong to the test's goroutine.
type dialogue struct {
	gateway *gateway
	proxy   *faultProxy
	browser *chromium
	window  *window
	peer    *longPoller
	said    journal[saying] // by the peer
	pace    atomic.Int64    // nanoseconds between two of its messages
	hush    func()          // ends them
}

// A saying is a message that was sent.
type saying struct {
	text string
	at   time.Time
	sure bool // it was acknowledged
}

// startDialogue opens a page behind a proxy with faults, while the peer has
// begun to talk. The page begins where the peer began: it is to hear everything.
func startDialogue(t *testing.T, g *gateway, now faults) *dialogue {
	t.Helper()
	return startDialogueWith(t, g, now, nil)
}

// startDialogueWith is startDialogue where the peer's messages go another way.
func startDialogueWith(t *testing.T, g *gateway, now faults, send writer) *dialogue {
	t.Helper()
	d := &dialogue{gateway: g, proxy: startFaultProxy(t, g, now), browser: startPlainChromium(t)}
	d.peer = newLongPoll(t, g, "peer", "room")
	since := d.peer.cursor()
	d.peer.listen(t, g)
	if send == nil {
		send = func(text string) error { return d.peer.send(t.Context(), g, text) }
	}
	d.slow(dialoguePause)
	d.hush = inBackground(t, func(ctx context.Context) {
		s := saying{text: fmt.Sprintf("peer %d", d.said.len()), at: time.Now()}
		s.sure = send(s.text) == nil
		d.said.add(s)
		pause(ctx, time.Duration(d.pace.Load()))
	})
	d.window = d.browser.open(t, "page", d.proxy.url+"/pages/talk.html?since="+url.QueryEscape(since))
	return d
}

// awaitState waits until the page's client is in a state, with a transport
// where it has one.
func (d *dialogue) awaitState(t *testing.T, state, transport string) {
	t.Helper()
	d.window.await(t, fmt.Sprintf(`(({state, transport}) => state === %q && transport === %q)(talk.states.at(-1) ?? {})`, state, transport))
}

func (d *dialogue) awaitConnected(t *testing.T, transport string) {
	t.Helper()
	d.awaitState(t, "connected", transport)
}

// lose does something by which the page's client loses its connection, and
// waits for that.
func (d *dialogue) lose(t *testing.T, something func()) {
	t.Helper()
	before := d.window.number(t, "talk.lost")
	something()
	d.window.await(t, fmt.Sprintf("talk.lost > %d", before))
}

// awaitSaid waits until the peer has sent n more messages.
func (d *dialogue) awaitSaid(t *testing.T, n int) saying {
	t.Helper()
	s, _ := d.said.first(t, "the peer's next messages", d.said.len()+n, func(s saying) bool { return s.sure })
	return s
}

// awaitLife waits until something has happened to the page.
func (d *dialogue) awaitLife(t *testing.T, event string) {
	t.Helper()
	d.window.await(t, fmt.Sprintf("talk.life.includes(%q)", event))
}

// slow has the peer wait for longer, or as long as at first.
func (d *dialogue) slow(pause time.Duration) { d.pace.Store(int64(pause)) }

// awaitMore waits until the page has heard what the peer sends after n more
// messages.
func (d *dialogue) awaitMore(t *testing.T, n int) {
	t.Helper()
	d.window.await(t, fmt.Sprintf("talk.texts.has(%q)", d.awaitSaid(t, n).text))
}

// awaitBoth waits until either gets through with what it says from now on.
func (d *dialogue) awaitBoth(t *testing.T) {
	t.Helper()
	d.awaitMore(t, 5)
	next := d.window.number(t, "talk.said.length")
	d.window.await(t, fmt.Sprintf("talk.said.slice(%d).some(({acked}) => acked)", next))
}

// end ends the talking when it has gone well for a while, and wants everything
// to have been heard: all messages, once, in order. Where gaps are allowed,
// what is missing is where a gap was told. It gives back how many the page was
// told of.
func (d *dialogue) end(t *testing.T, gapsAllowed bool) (gaps int) {
	t.Helper()
	d.awaitBoth(t)
	d.hushPage(t)
	d.window.await(t, "talk.settled()")
	d.hush()
	last := lastSure(t, d.said.all())
	d.window.await(t, fmt.Sprintf("talk.texts.has(%q)", last))
	r := d.window.record(t)
	said := r.sayings(t)
	d.peer.await(t, "the peer", lastSure(t, said))

	heard := r.runs()
	wantHeard(t, "the page", heard, d.said.all(), gapsAllowed)
	wantHeard(t, "the peer", d.peer.runs(), said, gapsAllowed)
	if len(r.Errors) > 0 {
		t.Errorf("the page's client told of errors: %q", r.Errors)
	}
	r.logTimes(t, d.said.all())
	return len(heard) - 1
}

// hushPage ends the page's talking, and letPageTalk lets it go on.
func (d *dialogue) hushPage(t *testing.T) {
	t.Helper()
	d.window.do(t, fields{"do": "value", "of": "void talk.hush()"})
}

func (d *dialogue) letPageTalk(t *testing.T) {
	t.Helper()
	d.window.do(t, fields{"do": "value", "of": "void talk.begin()"})
}
