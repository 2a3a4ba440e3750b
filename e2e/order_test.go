package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// A writer sends one text.
type writer func(text string) error

// line is a writer's message number i: text that those who write JSON disagree
// about how to write.
func line(writer string, i int) string {
	return fmt.Sprintf("%s %d: \"ü/\u2028😀<\\&'\t\"", writer, i)
}

// writeAll lets each of writers send n lines, all at once.
func writeAll(n int, writers map[string]writer) error {
	var all errgroup.Group
	for name, send := range writers {
		all.Go(func() error {
			for i := range n {
				if err := send(line(name, i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// wantOneOrder wants every inbox to have the same messages in the same places,
// all that writeAll sent and behind it the last one; and each writer's in its order.
func wantOneOrder(t *testing.T, n int, writers map[string]writer, inboxes map[string]*inbox) {
	t.Helper()
	var first []spot
	for id, b := range inboxes {
		b.await(t, id, lastOne)
		b.wantRecovered(t, id)
		spots := b.spots()
		if first == nil {
			first = spots
			wantComplete(t, n, writers, spots)
		}
		if diff := cmp.Diff(first, spots); diff != "" {
			t.Errorf("%s heard otherwise than others:\n%s", id, diff)
		}
	}
}

func wantComplete(t *testing.T, n int, writers map[string]writer, spots []spot) {
	t.Helper()
	if got, want := len(spots), n*len(writers)+1; got != want {
		t.Errorf("messages: got %d, want %d", got, want)
	}
	place := make(map[string]int)
	for i, s := range spots {
		if _, twice := place[s.Text]; twice {
			t.Errorf("%q came twice", s.Text)
		}
		place[s.Text] = i
	}
	for name := range writers {
		for i := range n - 1 {
			this, next := line(name, i), line(name, i+1)
			if place[this] >= place[next] {
				t.Errorf("%q came behind %q", this, next)
			}
		}
	}
}

// TestOneOrder: with PHP processes of both libraries, a WebSocket and a
// long-poll writing at the same time, all subscribers hear the same.
func TestOneOrder(t *testing.T) {
	const channel, n = "order", 50
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	inboxes := map[string]*inbox{
		"first WebSocket":  &joinWS(t, g, "ws-1", channel).inbox,
		"second WebSocket": &joinWS(t, g, "ws-2", channel).inbox,
		"first long-poll":  &joinLongPoll(t, g, "lp-1", channel).inbox,
		"second long-poll": &joinLongPoll(t, g, "lp-2", channel).inbox,
	}
	ws := joinWS(t, g, "ws", channel)
	lp := joinLongPoll(t, g, "lp", channel)
	writers := map[string]writer{
		"old-php": startPHP(t, oldPHP, m.Addr, channel, "old-php", "JS").send,
		"new-php": startPHP(t, newPHP, m.Addr, channel, "new-php", "JS").send,
		"ws":      func(text string) error { return ws.send(channel, text) },
		"lp":      func(text string) error { return lp.send(t.Context(), g, text) },
	}
	if err := writeAll(n, writers); err != nil {
		t.Fatal(err)
	}
	ws.mustSend(t, channel, lastOne)
	wantOneOrder(t, n, writers, inboxes)
}

// TestTwoGateways: on one memcached, two gateways give every message the same
// place, and clients go from one to the other with theirs.
func TestTwoGateways(t *testing.T) {
	const channel, n = "nodes", 40
	m := startMemcached(t)
	a, b := onMemcached(t, m.Addr), onMemcached(t, m.Addr)
	mover := joinWS(t, a, "mover", channel)
	wsA, lpB := joinWS(t, a, "ws-a", channel), joinLongPoll(t, b, "lp-b", channel)
	inboxes := map[string]*inbox{
		"a's WebSocket": &joinWS(t, a, "ws-1", channel).inbox,
		"b's WebSocket": &joinWS(t, b, "ws-2", channel).inbox,
		"a's long-poll": &joinLongPoll(t, a, "lp-1", channel).inbox,
		"b's long-poll": &joinLongPoll(t, b, "lp-2", channel).inbox,
		"the mover":     &mover.inbox,
	}
	writers := map[string]writer{
		"php":  startPHP(t, newPHP, m.Addr, channel, "php", "JS").send,
		"ws-a": func(text string) error { return wsA.send(channel, text) },
		"lp-b": func(text string) error { return lpB.send(t.Context(), b, text) },
	}
	written := make(chan error, 1)
	go func() { written <- writeAll(n, writers) }()
	for i, to := range []*gateway{b, a, b} {
		mover.awaitCount(t, "the mover", (i+1)*n/2)
		mover.leave(t)
		mover.mustResumeAt(t, to, channel)
	}
	if err := mustReceive(t, "the end of writing", written); err != nil {
		t.Fatal(err)
	}
	wsA.mustSend(t, channel, lastOne)
	wantOneOrder(t, n, writers, inboxes)
	for _, g := range []*gateway{a, b} {
		wantGoodPlace(t, g, channel, mover.spots(), n)
	}
}

// wantGoodPlace wants the place of a message that came over a WebSocket to be
// good for a long-poll, too.
func wantGoodPlace(t *testing.T, g *gateway, channel string, spots []spot, at int) {
	t.Helper()
	lp := &longPoller{id: "changed", channel: channel, http: newHTTP(t)}
	lp.take(frame{Op: "subscribed", Cursor: spots[at].Cursor})
	lp.listen(t, g)
	lp.await(t, "the long-poll", lastOne)
	lp.wantRecovered(t, "the long-poll")
	if diff := cmp.Diff(spots[at+1:], lp.spots()); diff != "" {
		t.Errorf("after a change of transport (-want +got):\n%s", diff)
	}
}
