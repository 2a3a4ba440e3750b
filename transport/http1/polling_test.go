package http1_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/transport"
)

// TestOtherRequestsOfPollingConnections: what a connection was detached for may
// end, and it is another one's then.
func TestOtherRequestsOfPollingConnections(t *testing.T) {
	h := &holdingHandler{t: t, atMost: time.Hour, held: make(chan *heldRequest, 1)}
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/from":
			io.WriteString(w, r.RemoteAddr)
		case "/hijack":
			nc, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
				return
			}
			defer nc.Close()
			line, err := rw.ReadString('\n')
			if err != nil {
				t.Errorf("read: %v", err)
			}
			io.WriteString(nc, line)
		default:
			h.ServeHTTP(w, r)
		}
	}), nil)
	h.greet(f, true)
	upgrade := "GET /hijack HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	for _, behind := range []string{"", "a", "a line\n"} {
		t.Run(fmt.Sprintf("behind=%q", behind), func(t *testing.T) {
			hijacked := f.dial()
			hijacked.say(upgrade + behind)
			hijacked.say(strings.TrimPrefix("a line\n", behind))
			if line, err := hijacked.r.ReadString('\n'); err != nil || line != "a line\n" {
				t.Errorf("a connection that was hijacked: got %q %v", line, err)
			}
			hijacked.wantEnd()
		})
	}

	c := f.dial()
	from := c.nc.LocalAddr().String()
	c.say(post("/from", "x"))
	c.want(from)
	c.say(get("/from") + get("/")) // net/http's
	c.want(from)
	c.want("")
	c.say(post("/hold", "x")[:30])
	c.say(post("/hold", "x")[30:])
	if _, _, err := c.answer(); err == nil { // no Holder there
		t.Error("net/http did not serve it")
	}

	one := h.hold(f.dial())
	f.shutdown(t)
	one.wantEnd("answered")
}

// A slow handler has its requests tried, and tells whether they wait.
type slow struct {
	t              testing.TB
	tried, entered chan string
	leave          chan struct{}
}

// ServeHTTP takes its time.
func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := string(r.Body.(transport.ReadAhead).Bytes())
	w.(transport.Holder).Repeat(s)
	if body == "wait" {
		s.entered <- body
		<-s.leave
	}
	io.WriteString(w, body)
}

func (s *slow) Try(w http.ResponseWriter, r *http.Request) bool {
	switch body := string(r.Body.(transport.ReadAhead).Bytes()); body {
	case "wait", "more":
		s.tried <- body
		return false
	case "fail":
		panic("out of order")
	default:
		io.WriteString(w, body)
		return true
	}
}

// TestTry: a request that repeats is served at once if that needs no waiting.
// Otherwise it keeps no other one waiting.
func TestTry(t *testing.T) {
	s := &slow{t: t, tried: make(chan string, 1), entered: make(chan string), leave: make(chan struct{})}
	f := serve(t, s, nil)
	dial := func() *client {
		c := f.dial()
		for range 2 {
			c.say(post("/", "good"))
			c.want("good")
		}
		return c
	}
	waits, other, fails := dial(), dial(), dial()
	waits.say(post("/", "wait") + post("/", "more") + post("/", "good") + post("/", "good")[:20])
	receive(t, s.tried, "an attempt")
	receive(t, s.entered, "the handler")
	for range 3 {
		other.say(post("/", "good") + post("/", "good") + get("/")[:4])
		other.want("good")
		other.want("good")
		other.nc.Close()
		other = dial()
	}
	for _, text := range strings.SplitAfter(post("/", "good"), "\n") {
		other.say(text)
	}
	other.want("good")

	fails.say(post("/", "fail"))
	fails.wantEnd()
	if text := f.log.String(); !strings.Contains(text, "out of order") {
		t.Errorf("logged %s", text)
	}

	close(s.leave)
	waits.want("wait")
	waits.want("more")
	waits.want("good")
	waits.say(post("/", "good")[20:])
	waits.want("good")
	waits.say(get("/"))
	if resp, _, err := waits.answer(); err == nil { // s wants a ReadAhead
		t.Errorf("a GET was served as %v", resp.Status)
	}
	f.shutdown(t)
}

// TestSharedAnswers: those of one date, header and status are the same bytes,
// and all others have their own.
func TestSharedAnswers(t *testing.T) {
	shared := &transport.Shared{ContentType: "text/plain", Body: []byte("for all")}
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Client", r.URL.RawQuery)
		w.(transport.Holder).Repeat(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/gone" {
				w.WriteHeader(http.StatusGone)
			}
			transport.WriteShared(w, shared, patience)
		}))
	}), nil)
	gone := f.dial()
	for _, status := range []int{http.StatusOK, http.StatusGone, http.StatusGone} {
		gone.say(post("/gone?a", "")) // whose header is that of "a"
		if resp, body, err := gone.answer(); err != nil || resp.StatusCode != status || body != "for all" && status != http.StatusOK {
			t.Errorf("got %v %q %v, want status %d", resp, body, err, status)
		}
	}
	clients := make(map[string]*client)
	for _, name := range []string{"a", "b", "c"} {
		clients[name] = f.dial()
		clients[name].say(post("/?"+name, ""))
		clients[name].want("")
	}
	var dates []string
	made := make(map[any]bool)
	deadline := time.Now().Add(patience)
	for len(dates) < 3 { // seconds
		for name, c := range clients {
			c.say(post("/?"+name, ""))
			resp := c.want("for all")
			if got := resp.Header.Get("X-Client"); got != name {
				t.Fatalf("the answer of %q has the header of %q", name, got)
			}
			if date := resp.Header.Get("Date"); len(dates) == 0 || date != dates[len(dates)-1] {
				dates = append(dates, date)
			}
		}
		made[shared.Made.Load()] = true
		if time.Now().After(deadline) {
			t.Fatal("the date stands still")
		}
	}
	for i, date := range dates {
		at, err := http.ParseTime(date)
		if err != nil || i > 0 && !at.After(mustTime(t, dates[i-1])) {
			t.Errorf("date %d: %q behind %q", i, date, dates[max(0, i-1)])
		}
	}
	if n := len(made); n < 2 || n > 4 {
		t.Errorf("the answer was made %d times for %d dates", n, len(dates))
	}
}

func mustTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := http.ParseTime(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
