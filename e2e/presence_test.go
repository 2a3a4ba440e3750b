package e2e

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// comings are what was told of who comes and goes, as "+alice" and "-alice".
func comings(frames []frame) []string {
	var list []string
	for _, f := range frames {
		switch f.Op {
		case "join":
			list = append(list, "+"+f.ClientID)
		case "leave":
			list = append(list, "-"+f.ClientID)
		}
	}
	return list
}

// frames are all that c was told on its present connection.
func (c *wsClient) frames() []frame {
	var frames []frame
	for _, e := range c.events.all()[c.begin:] {
		if e.Event == "text" {
			frames = append(frames, e.frame)
		}
	}
	return frames
}

// awaitComing waits until c is told that id comes or goes.
func (c *wsClient) awaitComing(t *testing.T, op, id string) {
	t.Helper()
	c.events.first(t, c.id+"'s "+op+" of "+id, c.begin, func(e wsEvent) bool {
		return e.frame.Op == op && e.frame.ClientID == id
	})
}

// mustFind wants channel's clients to be ids.
func (c *wsClient) mustFind(t *testing.T, channel string, ids ...string) {
	t.Helper()
	f, err := c.ask(fields{"op": "presence", "channel": channel})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ids, f.Clients); f.Op != "presence" || f.Count != len(ids) || diff != "" {
		t.Errorf("%s's question who is there was answered with %s %d (-want +got):\n%s", c.id, f.Op, f.Count, diff)
	}
}

// TestPresence has WebSockets, a long-poll and a page of the seed come and go.
func TestPresence(t *testing.T) {
	t.Parallel()
	const channel = "room_7"
	g := startGateway(t, "--presence", "room_*")
	alice := joinWS(t, g, "alice", channel)
	alice.mustFind(t, channel, "alice")
	bob := joinWS(t, g, "bob", channel)
	alice.awaitComing(t, "join", "bob")

	carol := newLongPoll(t, g, "carol", channel)
	alice.awaitComing(t, "join", "carol")
	var heard journal[frame] // by carol
	stop := inBackground(t, func(ctx context.Context) {
		if answer, err := carol.hold(ctx, g); err == nil {
			carol.takeAll(answer)
			heard.add(answer...)
		}
	})
	joinPoller(t, g, "4711", channel)
	bob.awaitComing(t, "join", "4711")
	heard.first(t, "carol's join of 4711", 0, func(f frame) bool { return f.Op == "join" && f.ClientID == "4711" })
	bob.mustFind(t, channel, "4711", "alice", "bob", "carol")

	window := joinWS(t, g, "bob", channel) // another one of bob's
	bob.leave(t)
	window.mustSend(t, channel, "still here")
	carol.await(t, "carol", "still here")
	window.mustFind(t, channel, "4711", "alice", "bob", "carol")

	window.leave(t)
	alice.awaitComing(t, "leave", "bob")
	heard.first(t, "carol's leave of bob", 0, func(f frame) bool { return f.Op == "leave" && f.ClientID == "bob" })
	stop()
	alice.awaitComing(t, "leave", "carol")
	alice.mustFind(t, channel, "4711", "alice")
	wantTexts(t, "alice of who comes and goes", comings(alice.frames()), []string{"+bob", "+carol", "+4711", "-bob", "-carol"})

	if f, err := alice.ask(fields{"op": "presence", "channel": "den"}); err != nil || f.Code != "forbidden" {
		t.Errorf("of a channel without presence: got %+v, %v, want forbidden", f, err)
	}
}
