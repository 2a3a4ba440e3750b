package e2e

import (
	"slices"
	"strings"
	"testing"
)

const (
	talk    = "talk"
	rounds  = 10 // messages of each who takes part
	pageID  = "483920"
	lastOne = "the end"
)

// A conversation has one of every kind of client, and a witness who says
// nothing.
type conversation struct {
	gateway  *gateway
	old, new *phpAgent // with the seed's library and with ours
	raw      *phpAgent // gets messages byte for byte
	ws       *wsClient
	lp       *longPoller
	page     *poller
	witness  *wsClient
}

func startConversation(t *testing.T) *conversation {
	t.Helper()
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	return &conversation{
		gateway: g,
		old:     joinPHP(t, oldPHP, m.Addr, talk, "old-php", "JS"),
		new:     joinPHP(t, newPHP, m.Addr, talk, "new-php", "JS"),
		raw:     joinPHP(t, oldPHP, m.Addr, talk, "raw-php", "Comm"),
		ws:      joinWS(t, g, "ws", talk),
		lp:      joinLongPoll(t, g, "lp", talk),
		page:    joinPoller(t, g, pageID, talk),
		witness: joinWS(t, g, "witness", talk),
	}
}

func (c *conversation) writers(t *testing.T) map[string]writer {
	return map[string]writer{
		"old-php": c.old.send,
		"new-php": c.new.send,
		"ws":      func(text string) error { return c.ws.send(talk, text) },
		"lp":      func(text string) error { return c.lp.send(t.Context(), c.gateway, text) },
		pageID: func(text string) error {
			return c.page.post(t.Context(), c.gateway.url("/channel.php"), c.page.body(text))
		},
	}
}

// TestConversation: PHP with the seed's library and with ours, a WebSocket, a
// long-poll and one of the seed's polling clients talk on one channel, all at
// once.
func TestConversation(t *testing.T) {
	c := startConversation(t)
	writers := c.writers(t)
	if err := writeAll(rounds, writers); err != nil {
		t.Fatal(err)
	}
	c.raw.mustSend(t, `{"type":"msg","payload":"`+lastOne+`","msg":"`+lastOne+`","from":"raw-php"}`)

	// The last message comes last: when it is there, the rest is, too.
	for id, b := range map[string]*inbox{"ws": &c.ws.inbox, "lp": &c.lp.inbox, "witness": &c.witness.inbox} {
		b.await(t, id, lastOne)
		b.wantRecovered(t, id)
	}
	want := c.witness.texts()
	if len(want) != len(writers)*rounds+1 {
		t.Errorf("the witness heard %d messages, want %d", len(want), len(writers)*rounds+1)
	}
	wantTexts(t, "ws", c.ws.texts(), without(want, "ws "))
	wantTexts(t, "lp", c.lp.texts(), without(want, "lp "))
	wantSenders(t, c.witness.messages())
	c.wantPHP(t, want)
	c.wantPage(t, want)
}

// wantPHP looks at what PHP got. That has its own messages, too.
func (c *conversation) wantPHP(t *testing.T, want []string) {
	t.Helper()
	c.new.heard.atLeast(t, "new-php's messages", len(want))
	wantTexts(t, "new-php", c.new.texts(), want)

	// The old library looks for msg alone, and old pages send a payload.
	want = slices.Clone(want)
	for i, text := range want {
		if strings.HasPrefix(text, pageID) {
			want[i] = ""
		}
	}
	c.old.heard.atLeast(t, "old-php's messages", len(want))
	wantTexts(t, "old-php", c.old.texts(), want)
}

// wantPage looks at what the polling client got: what PHP gets, byte for byte,
// and its own messages, too.
func (c *conversation) wantPage(t *testing.T, want []string) {
	t.Helper()
	heard := c.page.heard.atLeast(t, "the page's messages", len(want))
	wantTexts(t, "the page", payloads(heard), want)
	c.raw.heard.atLeast(t, "raw-php's messages", len(want))
	wantTexts(t, "the page, byte for byte", heard, c.raw.raws())
	for i := range rounds {
		if body := c.page.body(line(pageID, i)); !slices.Contains(heard, body) {
			t.Errorf("what the page sent is not among what it got, byte for byte: %s", body)
		}
	}
}

// without is texts but for one sender's.
func without(texts []string, prefix string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return strings.HasPrefix(s, prefix) })
}

// wantSenders looks at what else is in the frames. Every text but the last one
// begins with who sent it.
func wantSenders(t *testing.T, messages []frame) {
	t.Helper()
	for _, f := range messages {
		from, _, _ := strings.Cut(f.text(), " ")
		if f.text() == lastOne {
			from = "raw-php"
		}
		if f.From != from || f.Type != "msg" || f.ID == "" || f.Cursor == "" {
			t.Errorf("frame: got %+v, want type msg, from %q, an id and a cursor", f, from)
		}
	}
}
