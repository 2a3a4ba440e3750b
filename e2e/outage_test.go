package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestMemcachedOutage: while memcached is away, sends are refused and nobody
// hangs; when it is back, all goes on, and what was lost with it is told.
func TestMemcachedOutage(t *testing.T) {
	const channel = "outage"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	reader, lp := joinWS(t, g, "reader", channel), joinLongPoll(t, g, "lp", channel)
	page, url := newPoller(t, "99", channel), g.url("/channel.php")
	page.mustPoll(t, url)
	sender := joinWS(t, g, "sender", channel)
	sender.mustSend(t, channel, "before")
	reader.await(t, "reader", "before")
	lp.await(t, "lp", "before")
	page.mustPoll(t, url)

	m.Kill(t)
	began := time.Now()
	refusal, err := sender.ask(fields{"op": "send", "channel": channel, "type": "msg", "payload": "nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	if refusal.Op != "error" || refusal.Code != "unavailable" {
		t.Errorf("a send without memcached: got %+v, want an error, unavailable", refusal)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the refusal took %v", took)
	}
	wantReady(t, g, false)
	wantBody(t, page, url, "", http.StatusOK, "[]") // at all else it would stop

	m.Restart(t)
	wantReady(t, g, true)
	page.mustPoll(t, url) // its place was lost, too
	sender.mustSend(t, channel, "after")
	reader.awaitOver(t, g, channel, "after")
	lp.await(t, "lp", "after")
	page.mustPoll(t, url)
	wantTexts(t, "page", payloads(page.heard.all()), []string{"before", "after"})
	for id, b := range map[string]*inbox{"reader": &reader.inbox, "lp": &lp.inbox} {
		wantTexts(t, id, b.texts(), []string{"before", "after"})
	}
}

// TestMemcachedStalled: a send that memcached does not answer is refused in
// bounded time; sent again under its id, it is heard once.
func TestMemcachedStalled(t *testing.T) {
	const channel = "stalled"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	reader, sender := joinWS(t, g, "reader", channel), joinWS(t, g, "sender", channel)
	message := func() fields {
		return fields{"op": "send", "channel": channel, "type": "msg", "payload": "once", "id": "my-own"}
	}

	m.Pause(t)
	refusal, err := sender.ask(message())
	if err != nil {
		t.Fatal(err)
	}
	if refusal.Code != "unavailable" {
		t.Errorf("a send to a stalled memcached: got %+v, want unavailable", refusal)
	}
	m.Resume(t)
	wantReady(t, g, true)
	if err := sent(sender.ask(message())); err != nil {
		t.Error(err)
	}
	sender.mustSend(t, channel, lastOne)
	reader.awaitOver(t, g, channel, lastOne)
	wantTexts(t, "reader", reader.texts(), []string{"once", lastOne})
}

// TestMemcachedLost: what went with memcached while a client was away, it is
// told to have missed.
func TestMemcachedLost(t *testing.T) {
	const channel = "lost"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	php := startPHP(t, oldPHP, m.Addr, channel, "php", "JS")
	traveller, lp := joinWS(t, g, "traveller", channel), joinLongPoll(t, g, "lp", channel)
	php.mustSend(t, "heard")
	traveller.await(t, "traveller", "heard")
	lp.await(t, "lp", "heard")
	place := lp.cursor()
	traveller.leave(t)

	g.kill()
	php.mustSend(t, "lost")
	m.Restart(t)
	g.start(t)
	if s := traveller.comeBack(t, g, channel); *s.Recovered {
		t.Errorf("the traveller's return: got %+v, want recovered:false", s)
	}
	away := &longPoller{id: "away", channel: channel, http: newHTTP(t)}
	answer, err := away.exchange(t.Context(), g,
		fields{"op": "subscribe", "channel": channel, "since": place}, fields{"op": "ping", "ref": 1})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(answer, func(f frame) bool {
		return f.Op == "subscribed" && f.Recovered != nil && !*f.Recovered
	}) {
		t.Errorf("a long-poll from before: got %+v, want recovered:false", answer)
	}
	startPHP(t, oldPHP, m.Addr, channel, "php-2", "JS").mustSend(t, "new")
	traveller.await(t, "traveller", "new")
	lp.await(t, "lp", "new")
}

// wantReady waits until the gateway says that it is ready for clients, or that
// it is not.
func wantReady(t *testing.T, g *gateway, ready bool) {
	t.Helper()
	want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[ready]
	client := newHTTP(t)
	deadline := time.Now().Add(patience)
	for {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url("/readyz"), nil)
		if err != nil {
			t.Fatal(err)
		}
		status, body, err := do(client, r)
		if err == nil && status == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("/readyz: got %d %s %v, want %d", status, body, err, want)
		}
		pause(t.Context(), retryPause)
	}
}

// awaitOver waits for a message on this connection or, where the gateway ends
// it with a code to come back after, on the next.
func (c *wsClient) awaitOver(t *testing.T, g *gateway, channel, text string) {
	t.Helper()
	e, _ := c.events.first(t, c.id+"'s message "+text, c.begin, func(e wsEvent) bool {
		return e.Event == "close" || e.frame.Op == "message" && e.frame.text() == text
	})
	if e.Event != "close" {
		return
	}
	if e.Code < 4100 || e.Code > 4199 {
		t.Errorf("%s's close: got %d %q, want 4100 to 4199", c.id, e.Code, e.Reason)
	}
	c.comeBack(t, g, channel)
	c.await(t, c.id, text)
}
