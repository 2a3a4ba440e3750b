package e2e

import (
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"
)

// A held is a request under way, which the gateway holds.
type held struct {
	status int
	body   string
	err    error
}

// holdRequest makes a request in the background. It returns once the request
// is on its way and the gateway has answered others that came after it.
func holdRequest(t *testing.T, g *gateway, method, target, body string) <-chan held {
	t.Helper()
	written := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { close(written) },
	})
	r, err := http.NewRequestWithContext(ctx, method, g.url(target), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	client := newHTTP(t)
	answer := make(chan held, 1)
	go func() {
		status, body, err := do(client, r)
		answer <- held{status, string(body), err}
	}()
	select {
	case <-written:
	case <-time.After(patience):
		t.Fatal("the request was not written")
	}
	other := newHTTP(t)
	for range 5 {
		mustGet(t, other, g.url("/healthz"))
	}
	select {
	case h := <-answer:
		t.Fatalf("the request was not held: %+v", h)
	default:
	}
	return answer
}

func (h held) want(t *testing.T, what string, right func(body string) bool) {
	t.Helper()
	if h.err != nil || h.status != http.StatusOK || !right(h.body) {
		t.Errorf("%s: got %d %s %v", what, h.status, h.body, h.err)
	}
}

func mustGet(t *testing.T, client *http.Client, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, body, err := do(client, r); err != nil || status != http.StatusOK {
		t.Fatalf("%s: got %d %s %v, want 200", url, status, body, err)
	}
}

func mustReceive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come within %v", what, patience)
		panic("unreachable")
	}
}

// TestShutdown: on SIGTERM everybody is told to come back, held requests are
// answered, and the next process goes on where this one ended.
func TestShutdown(t *testing.T) {
	const channel, grace = "room", 5 * time.Second
	m := startMemcached(t)
	g := onMemcached(t, m.Addr, "--grace", grace.String())
	php := startPHP(t, newPHP, m.Addr, channel, "php", "JS")
	var clients []*wsClient
	for _, id := range []string{"a", "b", "c"} {
		clients = append(clients, joinWS(t, g, id, channel))
	}
	php.mustSend(t, "before")
	for _, c := range clients {
		c.await(t, c.id, "before")
	}
	lp, page := newLongPoll(t, g, "lp", channel), newPoller(t, "77", channel)
	page.mustPoll(t, g.url("/channel.php"))
	poll := holdRequest(t, g, http.MethodPost, "/channel",
		`[{"op":"hello","clientid":"lp"},{"op":"subscribe","channel":"room","since":"`+lp.cursor()+`"}]`)
	oldPoll := holdRequest(t, g, http.MethodGet, "/channel.php"+page.query(), "")

	wantEnd(t, g, grace)
	mustReceive(t, "the long-poll's answer", poll).want(t, "the held long-poll", func(body string) bool {
		return strings.Contains(body, `"op":"bye"`)
	})
	mustReceive(t, "the old poll's answer", oldPoll).want(t, "the held old poll", func(body string) bool { return body == "[]" })
	for _, c := range clients {
		wantGoodbye(t, c)
	}

	php.mustSend(t, "meanwhile")
	g.start(t)
	for _, c := range clients {
		c.mustResumeAt(t, g, channel)
		c.await(t, c.id, "meanwhile")
		wantTexts(t, c.id, c.texts(), []string{"before", "meanwhile"})
	}
	lp.listen(t, g)
	lp.await(t, "lp", "meanwhile")
	wantTexts(t, "lp", lp.texts(), []string{"meanwhile"})
	wantTexts(t, "page", payloads(page.mustPoll(t, g.url("/channel.php"))), []string{"meanwhile"})
}

// wantEnd ends the gateway by SIGTERM. It is to end in time, and in order.
func wantEnd(t *testing.T, g *gateway, grace time.Duration) {
	t.Helper()
	began := time.Now()
	if code := g.terminate(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	// Under the race detector, on a busy machine, a process takes a while to go.
	if took := time.Since(began); took > grace+5*time.Second {
		t.Errorf("the end took %v, with a grace of %v", took, grace)
	}
}

// wantGoodbye wants a connection to have ended as docs/protocol.md says.
func wantGoodbye(t *testing.T, c *wsClient) {
	t.Helper()
	if e := c.mustClose(t); e.Code != 4000 {
		t.Errorf("%s's close: got %d %q, want 4000", c.id, e.Code, e.Reason)
	}
	bye, _ := c.events.first(t, c.id+"'s bye", c.begin, func(e wsEvent) bool { return e.frame.Op == "bye" })
	if bye.frame.Reason != "draining" || bye.frame.Retry == nil {
		t.Errorf("%s's bye: got %s, want reason draining and retry", c.id, bye.Text)
	}
}

// TestShutdownGivesUpOnTheSilent: a client that reads nothing does not keep
// the gateway from ending in time.
func TestShutdownGivesUpOnTheSilent(t *testing.T) {
	const grace = time.Second
	g := startGateway(t, "--grace", grace.String())
	silent := joinWS(t, g, "silent", "room")
	silent.mustPause(t)
	wantEnd(t, g, grace)
	silent.mustResume(t)
	silent.mustClose(t)
}
