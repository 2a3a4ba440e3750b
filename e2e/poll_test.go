package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"testing"
)

// TestOldPolls: what the seed's polling client asks is answered as its helper
// script did, but held.
func TestOldPolls(t *testing.T) {
	const channel = "room"
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	php := startPHP(t, oldPHP, m.Addr, channel, "php", "JS")
	php.mustSend(t, "before")
	page := newPoller(t, "7", channel)
	url := g.url("/channel.php")

	if texts := page.mustPoll(t, url); len(texts) != 0 {
		t.Errorf("first poll: got %q, want nothing", texts)
	}
	wantBody(t, page, url, "&wait=0", http.StatusOK, "[]")

	answer := holdRequest(t, g, http.MethodGet, "/channel.php"+page.query(), "")
	php.mustSend(t, "held for this")
	mustReceive(t, "the held poll's answer", answer).want(t, "the held poll", func(body string) bool {
		var texts []string
		return json.Unmarshal([]byte(body), &texts) == nil && len(texts) == 1 &&
			texts[0] == `{"type":"msg","msg":"held for this","from":"php"}`
	})
	wantBody(t, page, url, "&wait=0", http.StatusOK, "[]")

	mine, others := newPoller(t, "7", "127.0.0.1_inbox"), newPoller(t, "7", "203.0.113.9_inbox")
	wantBody(t, mine, url, "", http.StatusOK, "[]")
	wantBody(t, others, url, "", http.StatusForbidden, `{"err":"Unauthorised client"}`)
	others.mustPost(t, url, "anybody may send")
	wantBody(t, &poller{http: page.http}, url, "&getIP=1", http.StatusOK, "127.0.0.1")
}

func wantBody(t *testing.T, p *poller, url, more string, wantStatus int, want string) {
	t.Helper()
	status, body, err := p.get(t.Context(), url, more)
	if err != nil || status != wantStatus || string(body) != want {
		t.Errorf("GET %s%s%s: got %d %s %v, want %d %s", url, p.query(), more, status, body, err, wantStatus, want)
	}
}

// TestOldPollsMove: an old page is moved between the seed's helper script and
// two gateways at any of its requests, and back.
func TestOldPollsMove(t *testing.T) {
	const channel = "moving"
	m := startMemcached(t)
	_, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		t.Fatal(err)
	}
	script := startChannelPHP(t, port)
	one, two := onMemcached(t, m.Addr).url("/channel.php"), onMemcached(t, m.Addr).url("/channel.php")
	php := startPHP(t, newPHP, m.Addr, channel, "php", "JS")
	page, other := newPoller(t, "5", channel), newPoller(t, "6", channel)
	page.mustPoll(t, script)
	want := []string{}
	for i, url := range []string{one, script, two, one, two, script, script, one} {
		for _, text := range []string{"php", "other", "own"} {
			want = append(want, fmt.Sprintf("%s %d", text, i))
		}
		php.mustSend(t, want[3*i])
		other.mustPost(t, url, want[3*i+1])
		page.mustPost(t, url, want[3*i+2])
		page.mustPoll(t, url)
		wantTexts(t, fmt.Sprintf("the page after poll %d", i), payloads(page.heard.all()), want)
		pause(t.Context(), oldPause) // as this client does after each answer
	}
	for _, url := range []string{script, one, two} {
		wantBody(t, page, url, "&wait=0", http.StatusOK, "[]")
	}
}
