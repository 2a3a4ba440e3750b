package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSlowReader: a client that reads nothing is cut off, and comes back
// without a loss; the others meanwhile hear everything.
func TestSlowReader(t *testing.T) {
	// For a reader that reads nothing, Linux holds about 4 MiB by default;
	// beyond that come the gateway's 256 KiB. The store keeps all of it.
	const channel, messages, size = "slow", 200, 32 << 10
	g := startGateway(t, "--store", "memory://?bytes=32MiB", "--lag", "256KiB")
	slow := joinWS(t, g, "slow", channel)
	fast := joinWS(t, g, "fast", channel)
	lp := joinLongPoll(t, g, "lp", channel)
	page := newPoller(t, "1", channel)
	send := func(text string) {
		t.Helper()
		page.mustPost(t, g.url("/channel.php"), text)
	}
	send("first")
	slow.await(t, "slow", "first")

	slow.mustPause(t)
	paused := time.Now()
	want := []string{"first"}
	for i := range messages {
		want = append(want, fmt.Sprintf("%d %s", i, strings.Repeat("x", size)))
		send(want[i+1])
	}
	// The slow one is still as it was. The others are not.
	others := map[string]*inbox{"fast": &fast.inbox, "lp": &lp.inbox}
	for id, b := range others {
		b.awaitCount(t, id, len(want))
	}
	if n := len(slow.messages()); n != 1 {
		t.Fatalf("the slow client heard %d messages, want only the first: it did not pause", n)
	}

	slow.mustResume(t)
	wantCutOff(t, slow, len(want), time.Since(paused))
	slow.mustResumeAt(t, g, channel)
	others["slow"] = &slow.inbox
	for id, b := range others {
		b.await(t, id, want[messages])
		b.wantRecovered(t, id)
		wantTexts(t, id, shortened(b.texts()), shortened(want))
	}
}

// writeWait is how long the gateway waits for a client to take what was being
// written to it, and so to hear why it is cut off.
const writeWait = 10 * time.Second

// wantCutOff wants c, which was paused for a while, to have been cut off
// before all messages had come.
func wantCutOff(t *testing.T, c *wsClient, messages int, paused time.Duration) {
	t.Helper()
	e := c.mustClose(t)
	late := paused > writeWait && e.Code == 1006 // on a very busy machine
	if e.Code != 4100 && !late {
		t.Errorf("%s's close: got %d %q, want 4100", c.id, e.Code, e.Reason)
	}
	if n := len(c.messages()); n == messages {
		t.Errorf("%s was cut off with nothing left to hear", c.id)
	}
}

// shortened has the beginning and the length of each text.
func shortened(texts []string) []string {
	short := make([]string, len(texts))
	for i, text := range texts {
		short[i] = fmt.Sprintf("%.8s, %d bytes", text, len(text))
	}
	return short
}
