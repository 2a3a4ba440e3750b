package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
)

// A wanted is a finding of which pieces count.
type wanted struct {
	status       Status
	text, change string
}

func (w wanted) check(t *testing.T, got finding) {
	t.Helper()
	if got.status != w.status || !strings.Contains(got.text, w.text) || !strings.Contains(got.change, w.change) {
		t.Errorf("got %+v, want %s with %q and the change %q", got, w.status, w.text, w.change)
	}
}

func answered(status int, body string, header ...string) answer {
	a := answer{status: status, body: []byte(body), header: http.Header{}, took: 7 * time.Second}
	for i := 0; i < len(header); i += 2 {
		a.header.Add(header[i], header[i+1])
	}
	return a
}

func newTestExam() *exam {
	return &exam{url: &url.URL{Scheme: "http", Host: "shop.example", Path: "/channel"}, welcome: protocol.ServerFrame{Ping: 25}}
}

func TestWhatElseAnswers(t *testing.T) {
	for _, tt := range []struct {
		name string
		a    answer
		want wanted
	}{
		{"nobody", answer{err: io.EOF}, wanted{Fail, "closed", "between"}},
		{"nobody in time", answer{err: context.DeadlineExceeded}, wanted{Fail, "in time", "between"}},
		{"a login", answered(401, ""), wanted{Fail, "login", "without one"}},
		{"a firewall", answered(403, "no", "Server", "shield"), wanted{Fail, "HTTP 403 by shield", "rules"}},
		{"a web server", answered(404, "<h1>"), wanted{Fail, "nothing is at /channel", "/channel.php"}},
		{"a proxy alone", answered(504, "", "Via", "1.1 box"), wanted{Fail, "HTTP 504 by 1.1 box", "proxy_pass"}},
		{"a page", answered(200, "<!DOCTYPE html>x"), wanted{Fail, "ordinary web page", "location"}},
		{"an application", answered(200, `{"a":1}`), wanted{Fail, `something else than a gateway answers: {"a":1}`, "location"}},
		{"a gateway at another path", answered(404, `{"code":"bad_frame","message":"nothing here"}`), wanted{Fail, "nothing here", "--path"}},
		{"a gateway that stops", answered(503, `{"code":"unavailable","message":"the gateway is stopping"}`), wanted{Fail, "is stopping", "ask again"}},
		{"a gateway by another name", answered(403, `{"code":"forbidden","message":"--host a"}`), wanted{Fail, "--host a", "as the gateway says"}},
		{"a gateway told of no JSON", answered(415, `{"code":"bad_frame","message":"type"}`), wanted{Fail, "type", "Content-Type"}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.want.check(t, newTestExam().mistaken(tt.a)) })
	}
}

func TestWhyNoWebSocketOpens(t *testing.T) {
	const lines = "proxy_set_header Upgrade"
	for _, tt := range []struct {
		name string
		a    answer
		want wanted
	}{
		{"reset", answer{err: io.ErrUnexpectedEOF}, wanted{Fail, "closed", "https://"}},
		{"forbidden on the way", answered(403, "no"), wanted{Fail, "forbids WebSockets", "https://"}},
		{"the origin is forbidden", answered(403, `{"code":"forbidden","message":"origin"}`), wanted{Fail, "origin", "as the gateway says"}},
		{"Upgrade removed", answered(426, `{"code":"bad_frame","message":"a proxy"}`), wanted{Fail, "removes the Upgrade", lines}},
		{"refused by a proxy", answered(400, "Bad Request"), wanted{Fail, "can't do the Upgrade", lines}},
		{"failed in a proxy", answered(502, ""), wanted{Fail, "can't do the Upgrade", lines}},
		{"taken for a request", answered(200, "{}"), wanted{Fail, "plain request", lines}},
		{"not there", answered(404, ""), wanted{Fail, "nothing is at", ""}},
		{"stopping", answered(503, `{"code":"unavailable","message":"stopping"}`), wanted{Fail, "stopping", "ask again"}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.want.check(t, newTestExam().blocked(tt.a)) })
	}
}

func TestJudgeHeaders(t *testing.T) {
	header := func(changes ...string) http.Header {
		h := http.Header{
			"Cache-Control": {"no-store, no-transform"}, "Content-Type": {"application/json"}, "X-Content-Type-Options": {"nosniff"},
		}
		for i := 0; i < len(changes); i += 2 {
			if h.Del(changes[i]); changes[i+1] != "" {
				h.Set(changes[i], changes[i+1])
			}
		}
		return h
	}
	for _, tt := range []struct {
		name string
		h    http.Header
		want wanted
	}{
		{"as written", header(), wanted{OK, "as the gateway", ""}},
		{"in other letters", header("Cache-Control", "No-Store,no-transform"), wanted{OK, "", ""}},
		{"Cache-Control gone", header("Cache-Control", ""), wanted{Fail, `comes as ""`, "proxy_hide_header"}},
		{"Cache-Control replaced", header("Cache-Control", "max-age=60"), wanted{Fail, "max-age=60", "expires"}},
		{"no-transform gone", header("Cache-Control", "no-store"), wanted{Warn, "without no-transform", ""}},
		{"compressed", header("Content-Encoding", "br"), wanted{Warn, "(br)", "gzip off"}},
		{"kept by a cache", header("Age", "3"), wanted{Fail, "Age of 3", "cache off"}},
		{"another type", header("Content-Type", "text/plain"), wanted{Warn, "text/plain", "Content-Type"}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.want.check(t, worst(headerFindings("long-poll", tt.h))) })
	}
}

func TestJudgePreflight(t *testing.T) {
	const origin = "https://shop.example"
	good := []string{allowOrigin, origin, "Access-Control-Allow-Methods", "GET, POST", "Access-Control-Allow-Headers", "Content-Type, Authorization"}
	for _, tt := range []struct {
		name string
		a    answer
		want wanted
	}{
		{"the gateway's", answered(204, "", good...), wanted{OK, "", ""}},
		{"none", answer{err: io.EOF}, wanted{Fail, "no answer", "OPTIONS"}},
		{"refused", answered(405, ""), wanted{Fail, "HTTP 405", "OPTIONS"}},
		{"answered on the way", answered(204, "", allowOrigin, origin), wanted{Fail, "allows no POST", "OPTIONS"}},
		{"no origin", answered(204, "", good[2:]...), wanted{Fail, "no " + allowOrigin, "pass Origin on"}},
		{"two origins", answered(204, "", append(good, allowOrigin, "*")...), wanted{Fail, "more than once", "add_header"}},
		{"another origin", answered(204, "", append([]string{allowOrigin, "https://a"}, good[2:]...)...), wanted{Fail, "is https://a", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.want.check(t, judgePreflight(tt.a, origin)) })
	}
}

func TestJudgeLives(t *testing.T) {
	const watch = 28 * time.Second
	well := life{lasted: watch, quiet: 3 * time.Second, pings: 1}
	cut := func(lasted, quiet time.Duration, err error) life { return life{lasted: lasted, quiet: quiet, cut: err} }
	for _, tt := range []struct {
		name       string
		idle, busy life
		ping       int
		want       wanted
	}{
		{"both stay", well, well, 25, wanted{OK, "idle and busy, for 28 s", ""}},
		{"pings are rare", well, well, 120, wanted{Warn, "only every 120 s", "--ping 25s"}},
		{"pings do not come", life{lasted: watch}, well, 25, wanted{Warn, "no ping", ""}},
		{"cut when idle, behind a ping", cut(15*time.Second, 10*time.Second, io.EOF), well, 25, wanted{Fail, "idle for 10 s: the connection was closed", "--ping 7s"}},
		{"cut when idle for less than pings can be apart", cut(3*time.Second, 3*time.Second, io.EOF), well, 25, wanted{Fail, "idle for 3.0 s", "proxy_read_timeout 75s;)"}},
		{"killed both", cut(time.Second, time.Second, io.EOF), cut(time.Second, 0, io.EOF), 25, wanted{Fail, "after 1.0 s, though it is busy", "no longer than 1.0 s"}},
		{"the busy one alone", well, cut(9*time.Second, 0, io.EOF), 25, wanted{Fail, "after 9.0 s, though an idle one stays", "bound"}},
		{"the gateway stops", life{stopping: true, cut: errStopping}, well, 25, wanted{Fail, "the gateway is stopping", "look again"}},
		{"the gateway ends it", cut(time.Second, 0, websocket.CloseError{Code: 4101, Reason: "store"}), well, 25, wanted{Fail, "the gateway ends it after 1.0 s: closed with code 4101 store", "log"}},
		{"none opens", life{cut: errors.New("doctor: HTTP 502")}, well, 25, wanted{Fail, "none opens any more: HTTP 502", "between"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := newTestExam()
			x.welcome.Ping = tt.ping
			tt.want.check(t, x.judgeLives(tt.idle, tt.busy, watch))
		})
	}
}

func TestJudgeHold(t *testing.T) {
	took := func(a answer, d time.Duration) answer {
		a.took = d
		return a
	}
	for _, tt := range []struct {
		name string
		a    answer
		want wanted
	}{
		{"held", answered(200, "[]"), wanted{OK, "held for 7.0 s", ""}},
		{"cut by a proxy", answered(504, "", "Server", "nginx"), wanted{Fail, "cut after 7.0 s: HTTP 504 by nginx", "--hold 4s"}},
		{"cut soon", took(answered(502, ""), time.Second), wanted{Fail, "cut after 1.0 s", "proxy_read_timeout 75s;)"}},
		{"reset", took(answer{err: io.EOF}, 30*time.Second), wanted{Fail, "cut after 30 s: the connection was closed", "--hold 21s"}},
		{"held for too long", took(answer{err: context.DeadlineExceeded}, longHold), wanted{Warn, "still held after 45 s", "--hold 25s"}},
		{"not held", took(answered(200, "[]"), 20*time.Millisecond), wanted{Warn, "is not held", ""}},
		{"the gateway fails", answered(503, `{"code":"unavailable","message":"the store can't be reached"}`), wanted{Fail, "the store can't be reached", "log"}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.want.check(t, newTestExam().judgeHold(tt.a)) })
	}
}

func TestClock(t *testing.T) {
	sent := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	came := sent.Add(3 * time.Second)
	for _, tt := range []struct {
		name    string
		samples []clockSample
		status  Status
		text    string
	}{
		{"no message", nil, Skipped, "no message"},
		{"within the way", []clockSample{{sent, came, sent.Add(2 * time.Second)}}, OK, "agree"},
		{"a little behind", []clockSample{{sent, came, sent.Add(-time.Second)}}, OK, "agree"},
		{"behind", []clockSample{{sent, came, sent.Add(-time.Minute)}}, Warn, "60 s behind"},
		{"ahead", []clockSample{{sent, came, came.Add(90 * time.Second)}}, Warn, "90 s ahead of"},
		{"once by chance", []clockSample{{sent, came, sent.Add(-9 * time.Second)}, {sent, came, sent}}, OK, "agree"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := &exam{verdicts: make(map[ID]Verdict), clocks: tt.samples}
			x.clock()
			if v := x.verdicts[Clock]; v.Status != tt.status || !strings.Contains(v.Text, tt.text) {
				t.Errorf("got %+v, want %s with %q", v, tt.status, tt.text)
			}
		})
	}
}

func TestReceived(t *testing.T) {
	all := [ways]bool{true, true, true}
	const soon, slow = time.Millisecond, 3 * time.Second
	for _, tt := range []struct {
		name string
		came [ways]time.Duration // by long-poll, from each way
		want wanted
	}{
		{"at once", [ways]time.Duration{soon, soon, soon}, wanted{OK, "from polling in 1.0 ms", ""}},
		{"all late", [ways]time.Duration{slow, slow, slow}, wanted{Fail, "from WebSocket only after 3.0 s", "holds answers back"}},
		{"none", [ways]time.Duration{}, wanted{Fail, "nothing from long-poll within 5.0 s", "holds answers back"}},
		{"one late", [ways]time.Duration{soon, slow, soon}, wanted{Fail, "from long-poll only after 3.0 s, from WebSocket in", "how this one was sent"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tour := &tour{x: &exam{verdicts: make(map[ID]Verdict), works: all}, ready: all}
			for from := range ways {
				tour.came[from][longPollWay] = tt.came[from]
			}
			tour.judgeReceiving(longPollWay)
			v := tour.x.verdicts[ReceiveLongPoll]
			tt.want.check(t, finding{v.Status, v.Text, v.Change})
		})
	}
}
