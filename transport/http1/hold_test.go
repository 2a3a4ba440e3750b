package http1_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/http1"
)

// A heldRequest is a Held that knows what a Held may be asked, and is answered
// once it is told to be.
type heldRequest struct {
	t    testing.TB
	wake func()

	mu    sync.Mutex
	text  string // the answer
	there bool
	asked chan bool // of each Answer that had none: last
	ended string    // how

	end chan string // how, once
}

func newHeldRequest(t testing.TB) *heldRequest {
	return &heldRequest{t: t, asked: make(chan bool, 100), end: make(chan string, 2)}
}

func (h *heldRequest) Answer(w http.ResponseWriter, last bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != "" {
		h.t.Errorf("asked for an answer after it was %s", h.ended)
	}
	if !h.there && !last {
		h.asked <- last
		return false
	}
	if last && !h.there {
		h.text = "time over"
	}
	io.WriteString(w, h.text)
	h.finish("answered")
	return true
}

func (h *heldRequest) Drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != "" {
		h.t.Errorf("dropped after it was %s", h.ended)
	}
	h.finish("dropped")
}

// finish wants h.mu.
func (h *heldRequest) finish(how string) {
	h.ended = how
	h.end <- how
}

// answer is what to answer from now on.
func (h *heldRequest) answer(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text, h.there = text, true
}

func (h *heldRequest) wantEnd(how string) {
	h.t.Helper()
	if got := receive(h.t, h.end, "the end of what was held"); got != how {
		h.t.Errorf("it was %s, want %s", got, how)
	}
}

// A holdingHandler holds every POST to /hold, those to /hold?brief not for long,
// and tells of it before its
// handler returns.
type holdingHandler struct {
	t      testing.TB
	atMost time.Duration
	held   chan *heldRequest
	before func(*heldRequest) // called before Hold; may be nil
	after  func(*heldRequest) // and after it
}

func (h *holdingHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/hold" {
		echo(w, r)
		return
	}
	w.Header().Set("X-Path", r.URL.Path)
	h.take(w, r)
}

// take holds a request, and the ones after it on the connection.
func (h *holdingHandler) take(w http.ResponseWriter, r *http.Request) {
	one := newHeldRequest(h.t)
	holder := w.(transport.Holder)
	holder.Repeat(holdingAgain{h})
	one.wake = holder.Waker()
	greets := string(r.Body.(transport.ReadAhead).Bytes()) == "g"
	if h.before != nil && !greets {
		h.before(one)
	}
	atMost := h.atMost
	if r.URL.RawQuery == "brief" {
		atMost = 500 * time.Millisecond
	}
	if greets {
		atMost = time.Hour
	}
	holder.Hold(one, atMost)
	h.held <- one
	if h.after != nil && !greets {
		h.after(one)
	}
}

// holdingAgain is for requests that repeat.
type holdingAgain struct{ h *holdingHandler }

func (a holdingAgain) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.h.take(w, r) }

// Try leaves those alone that h.before may have wait.
func (a holdingAgain) Try(w http.ResponseWriter, r *http.Request) bool {
	if a.h.before != nil {
		return false
	}
	a.h.take(w, r)
	return true
}

// serveHeld serves a holdingHandler. What it has held has to have ended when
// the Server has.
func serveHeld(t testing.TB, polls bool, change func(*holdingHandler)) (*front, *holdingHandler) {
	t.Helper()
	h := &holdingHandler{t: t, atMost: time.Hour, held: make(chan *heldRequest, 100)}
	if change != nil {
		change(h)
	}
	f := serve(t, h, nil)
	h.greet(f, polls)
	return f, h
}

// bothWays runs a test with connections that have just come, and with ones that
// have polled for a while: these are detached, and their requests tried.
func bothWays(t *testing.T, test func(t *testing.T, polls bool)) {
	for _, polls := range []bool{false, true} {
		t.Run(fmt.Sprintf("polls=%v", polls), func(t *testing.T) { test(t, polls) })
	}
}

// greet has the clients of f poll before they are used, if they are to.
func (h *holdingHandler) greet(f *front, polls bool) {
	if !polls {
		return
	}
	f.greet = func(c *client) {
		for range 2 {
			c.say(post("/hold", "g"))
			one := h.next()
			one.answer("greeting")
			one.wake()
			c.want("greeting")
			one.wantEnd("answered")
		}
	}
}

// hold has a request held.
func (h *holdingHandler) hold(c *client) *heldRequest {
	h.t.Helper()
	c.say(post("/hold", "x"))
	return h.next()
}

func (h *holdingHandler) next() *heldRequest {
	h.t.Helper()
	return receive(h.t, h.held, "a held request")
}

// isHeld waits until the Server has asked h in vain, after a wake-up.
func (h *heldRequest) isHeld() {
	h.t.Helper()
	h.wake()
	if last := receive(h.t, h.asked, "the question for an answer"); last {
		h.t.Error("the time is over already")
	}
}

func TestAnswerAfterAWakeUp(t *testing.T) { bothWays(t, testAnswerAfterAWakeUp) }

func testAnswerAfterAWakeUp(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	c := f.dial()
	for range 3 {
		one := h.hold(c)
		one.isHeld()
		one.isHeld()
		one.answer("answer")
		one.wake()
		if got := c.want("answer").Header["X-Path"]; len(got) != 1 || got[0] != "/hold" {
			t.Errorf("the header set before Hold: got %q", got)
		}
		one.wantEnd("answered")
		one.wake() // too late, and for nobody
		c.say(post("/", "and then"))
		if got := c.want("and then").Header["X-Path"]; got != nil {
			t.Errorf("the header of the answer before is still there: %q", got)
		}
		one.wake()
	}
}

func TestWakeUpBeforeHold(t *testing.T) { bothWays(t, testWakeUpBeforeHold) }

func testWakeUpBeforeHold(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, func(h *holdingHandler) {
		h.before = func(one *heldRequest) { one.answer("early"); one.wake() }
	})
	c := f.dial()
	one := h.hold(c)
	c.want("early")
	one.wantEnd("answered")
}

// TestStaleWakeUps: the wake-ups of an earlier request answer no later one,
// which keeps its own.
func TestStaleWakeUps(t *testing.T) { bothWays(t, testStaleWakeUps) }

func testStaleWakeUps(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	c := f.dial()
	first := h.hold(c)
	first.answer("first")
	first.wake()
	c.want("first")
	first.wantEnd("answered")
	second := h.hold(c)
	first.wake()
	receive(t, second.asked, "the question for an answer") // which does no harm
	second.isHeld()
	second.answer("second")
	second.wake()
	c.want("second")
	second.wantEnd("answered")
}

func TestTimeOver(t *testing.T) { bothWays(t, testTimeOver) }

func testTimeOver(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, func(h *holdingHandler) { h.atMost = 10 * time.Millisecond })
	c := f.dial()
	for range 3 {
		one := h.hold(c)
		c.want("time over")
		one.wantEnd("answered")
	}
}

// TestTimeOfAnEarlierRequest: its end is not that of a later one.
func TestTimeOfAnEarlierRequest(t *testing.T) { bothWays(t, testTimeOfAnEarlierRequest) }

func testTimeOfAnEarlierRequest(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	c := f.dial()
	c.say(post("/hold?brief", "x"))
	first := h.next()
	first.answer("first")
	first.wake()
	c.want("first")
	second := h.hold(c)
	over := time.NewTimer(time.Second)
	<-over.C
	second.isHeld()
	second.answer("second")
	second.wake()
	c.want("second")
}

func TestClientLeavesWhileHeld(t *testing.T) { bothWays(t, testClientLeavesWhileHeld) }

func testClientLeavesWhileHeld(t *testing.T, polls bool) {
	for _, tt := range []struct {
		name  string
		leave func(c *client)
	}{
		{"close", func(c *client) { c.nc.Close() }},
		{"half-close", func(c *client) { c.nc.CloseWrite() }},
		{"reset", func(c *client) { c.nc.SetLinger(0); c.nc.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, h := serveHeld(t, polls, nil)
			c := f.dial()
			one := h.hold(c)
			tt.leave(c)
			one.wantEnd("dropped")
			one.wake()
			f.shutdown(t)
			one.wake()
		})
	}
}

func TestPipelinedBehindAHeldRequest(t *testing.T) { bothWays(t, testPipelinedBehindAHeldRequest) }

func testPipelinedBehindAHeldRequest(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	t.Run("in the same segment", func(t *testing.T) {
		c := f.dial()
		c.say(post("/hold", "x") + post("/", "next") + post("/hold", "x") + post("/", "last")[:50])
		for _, behind := range []string{"next", "last"} {
			one := h.next()
			one.isHeld()
			one.answer("held")
			one.wake()
			c.want("held")
			one.wantEnd("answered")
			if behind == "last" {
				c.say(post("/", "last")[50:])
			}
			c.want(behind)
		}
	})
	t.Run("while it is held", func(t *testing.T) {
		c := f.dial()
		one := h.hold(c)
		next := post("/", strings.Repeat("next", 10_000))
		c.say(next[:20])
		one.isHeld()
		c.say(next[20:])
		one.isHeld()
		one.answer("held")
		one.wake()
		c.want("held")
		c.want(strings.Repeat("next", 10_000))
	})
	t.Run("and the client leaves", func(t *testing.T) {
		c := f.dial()
		one := h.hold(c)
		c.say(post("/", "next"))
		one.isHeld()
		c.nc.Close()
		one.isHeld()
		one.answer("held")
		one.wake()
		one.wantEnd("answered")
	})
	t.Run("and the time is over", func(t *testing.T) {
		f, h := serveHeld(t, polls, func(h *holdingHandler) { h.atMost = 20 * time.Millisecond })
		c := f.dial()
		c.say(post("/hold", "x") + post("/hold", "x") + post("/hold", "x"))
		for range 3 {
			c.want("time over")
			h.next().wantEnd("answered")
		}
	})
	f.shutdown(t)
}

func TestShutdownWhileHeld(t *testing.T) { bothWays(t, testShutdownWhileHeld) }

func testShutdownWhileHeld(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	c, behind := f.dial(), f.dial()
	one := h.hold(c)
	behind.say(post("/hold", "x") + post("/", "no more"))
	other := h.next()
	f.shutdown(t)
	for _, one := range []*heldRequest{one, other} {
		one.wantEnd("answered")
	}
	for _, c := range []*client{c, behind} {
		if resp := c.want("time over"); !resp.Close {
			t.Error("the answer does not say that it is the last")
		}
		c.wantEnd()
	}
	one.wake()
}

// TestShutdownBeforeHold: what is held after Shutdown began is answered, too.
func TestShutdownBeforeHold(t *testing.T) { bothWays(t, testShutdownBeforeHold) }

func testShutdownBeforeHold(t *testing.T, polls bool) {
	entered, leave := make(chan struct{}), make(chan struct{})
	f, h := serveHeld(t, polls, func(h *holdingHandler) {
		h.before = func(*heldRequest) { entered <- struct{}{}; <-leave }
	})
	c := f.dial()
	c.say(post("/hold", "x"))
	receive(t, entered, "the handler")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	close(leave)
	c.want("time over")
	h.next().wantEnd("answered")
	c.wantEnd()
	f.shutdown(t)
}

func TestCloseWhileHeld(t *testing.T) { bothWays(t, testCloseWhileHeld) }

func testCloseWhileHeld(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	c, behind := f.dial(), f.dial()
	one := h.hold(c)
	behind.say(post("/hold", "x") + post("/", "next"))
	other := h.next()
	other.isHeld()
	behind.say("more")
	f.server.Close()
	for _, one := range []*heldRequest{one, other} {
		select {
		case how := <-one.end:
			if how != "dropped" {
				t.Errorf("it was %s, want dropped", how)
			}
		default:
			t.Error("Close did not wait for the end")
		}
	}
	one.wake()
	c.wantEnd()
	behind.wantEnd()
}

// TestPanicBehindHold: of a handler around the one that has called Hold.
func TestPanicBehindHold(t *testing.T) { bothWays(t, testPanicBehindHold) }

func testPanicBehindHold(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, func(h *holdingHandler) {
		h.after = func(*heldRequest) { panic("out of order") }
	})
	c := f.dial()
	one := h.hold(c)
	c.wantEnd()
	one.wantEnd("dropped")
}

// A panicking Held has no answer.
type panicking struct{ *heldRequest }

func (panicking) Answer(http.ResponseWriter, bool) bool { panic("out of order") }

func TestPanicInAnswer(t *testing.T) {
	held := make(chan *heldRequest, 1)
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hold" {
			echo(w, r)
			return
		}
		one := newHeldRequest(t)
		one.wake = w.(transport.Holder).Waker()
		w.(transport.Holder).Hold(panicking{one}, time.Hour)
		held <- one
	}), nil)
	c, other := f.dial(), f.dial()
	c.say(post("/hold", "x"))
	one := receive(t, held, "a held request")
	one.wake()
	c.wantEnd()
	one.wantEnd("dropped")
	other.say(post("/", "alive"))
	other.want("alive")
	if text := f.log.String(); !strings.Contains(text, "out of order") {
		t.Errorf("logged %s", text)
	}
}

// TestLargeHeldAnswers: the socket does not take all at once, and the client
// says more meanwhile, or leaves.
func TestLargeHeldAnswers(t *testing.T) { bothWays(t, testLargeHeldAnswers) }

func testLargeHeldAnswers(t *testing.T, polls bool) {
	large := strings.Repeat("0123456789abcdef", 512<<10)
	h := &holdingHandler{t: t, atMost: time.Hour, held: make(chan *heldRequest, 1)}
	f := serveOn(t, smallBuffers{listen(t)}, h, nil)
	h.greet(f, polls)
	for _, tt := range []struct {
		name string
		do   func(c *client)
	}{
		{"waits", func(c *client) {
			c.want(large)
			c.say(post("/", "next"))
			c.want("next")
		}},
		{"says more", func(c *client) {
			if _, err := c.r.Peek(1); err != nil { // it is being written
				t.Fatal(err)
			}
			c.say(post("/", "next"))
			c.want(large)
			c.want("next")
		}},
		{"leaves", func(c *client) {
			if _, err := c.r.Peek(1); err != nil {
				t.Fatal(err)
			}
			c.nc.Close()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := f.dial()
			one := h.hold(c)
			one.isHeld()
			one.answer(large)
			one.wake()
			tt.do(c)
			one.wantEnd("answered")
		})
	}
	f.shutdown(t)
}

// TestWriteTimeoutOfAHeldAnswer: nobody reads it.
func TestWriteTimeoutOfAHeldAnswer(t *testing.T) { bothWays(t, testWriteTimeoutOfAHeldAnswer) }

func testWriteTimeoutOfAHeldAnswer(t *testing.T, polls bool) {
	h := &holdingHandler{t: t, atMost: time.Hour, held: make(chan *heldRequest, 1)}
	f := serveOn(t, smallBuffers{listen(t)}, h, func(c *http1.Config) { c.WriteTimeout = 50 * time.Millisecond })
	h.greet(f, polls)
	one := h.hold(f.dial())
	one.answer(strings.Repeat("x", 64<<20))
	one.wake()
	one.wantEnd("answered")
	f.shutdown(t)
}

// TestWakersNeedNoConnection: a Waker may be called under a lock that Answer
// takes, and whatever the connection is at.
func TestWakersNeedNoConnection(t *testing.T) { bothWays(t, testWakersNeedNoConnection) }

func testWakersNeedNoConnection(t *testing.T, polls bool) {
	f, h := serveHeld(t, polls, nil)
	c := f.dial()
	for range 100 {
		one := h.hold(c)
		one.wake()
		one.mu.Lock() // Answer waits for it, with the connection's own lock
		one.text, one.there = "answer", true
		one.wake()
		one.mu.Unlock()
		one.wake()
		c.want("answer")
		one.wantEnd("answered")
	}
}

// TestRepeat: the same request again, but for its body, is for the handler that
// has asked for it, with the header that was set by then. Any other one is not.
func TestRepeat(t *testing.T) {
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Looked-At", r.URL.Path)
		if r.URL.Path != "/never" {
			w.(transport.Holder).Repeat(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Add("X-Looked-At", "again")
				io.WriteString(w, "again ")
				echo(w, r)
			}))
		}
		w.Header().Set("X-Late", "1")
		echo(w, r)
	}), nil)
	c := f.dial()
	for _, tt := range []struct{ path, body, want, lookedAt, late string }{
		{"/a", "one", "one", "/a", "1"},
		{"/a", "two", "again two", "/a again", ""},
		{"/a", "six", "again six", "/a again", ""},
		{"/a", "three", "three", "/a", "1"},
		{"/b", "seven", "seven", "/b", "1"},
		{"/b", "eight", "again eight", "/b again", ""},
		{"/never", "one", "one", "/never", "1"},
		{"/never", "two", "two", "/never", "1"},
		{"/a", "one", "one", "/a", "1"},
	} {
		c.say(post(tt.path, tt.body))
		resp := c.want(tt.want)
		if got := strings.Join(resp.Header["X-Looked-At"], " "); got != tt.lookedAt || resp.Header.Get("X-Late") != tt.late {
			t.Errorf("%s %s: got headers %v, want %q and %q", tt.path, tt.body, resp.Header, tt.lookedAt, tt.late)
		}
	}
	other := f.dial()
	other.say(post("/a", "new"))
	other.want("new")
}

// TestRepeatAgain: of several that ask for the next requests, the last one gets
// them, with the header of the first.
func TestRepeatAgain(t *testing.T) {
	say := func(name string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if next != nil {
				w.(transport.Holder).Repeat(next)
			}
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", name, body, w.Header().Get("X-Said"))
		})
	}
	third := say("third", nil)
	second := say("second", third)
	f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Said", r.URL.Path)
		say("first", second).ServeHTTP(w, r)
	}), nil)
	c := f.dial()
	for _, tt := range []struct{ path, want string }{
		{"/a", "first 1 /a"},
		{"/a", "second 2 /a"},
		{"/a", "third 3 /a"},
		{"/a", "third 4 /a"}, // nobody has said else
		{"/b", "first 5 /b"}, // another request
		{"/a", "first 6 /a"},
	} {
		number := strings.Fields(tt.want)[1]
		c.say(post(tt.path, number))
		c.want(tt.want)
	}
}

// An answering handler sets a header, and has what is behind it repeated: that
// answers with WriteAnswer, at once or when it is woken.
type answering struct {
	t      testing.TB
	repeat bool
	shared map[string]*transport.Shared // by body; nil: each has its own answer
	wakers chan func()
}

// write answers with body.
func (a *answering) write(w http.ResponseWriter, body string) error {
	contentType := "text/" + body
	if a.shared == nil {
		return transport.WriteAnswer(w, contentType, []byte(body), patience)
	}
	if a.shared[body] == nil {
		a.shared[body] = &transport.Shared{ContentType: contentType, Body: []byte(body)}
	}
	return transport.WriteShared(w, a.shared[body], patience)
}

func (a *answering) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Ahead", r.URL.Path)
	w.Header().Add("Vary", "Origin")
	if a.repeat {
		w.(transport.Holder).Repeat(http.HandlerFunc(a.answer))
	}
	a.answer(w, r)
}

func (a *answering) answer(w http.ResponseWriter, r *http.Request) {
	body, ok := transport.ReadBody(w, r, 100, patience)
	if !ok {
		return
	}
	if r.URL.Path != "/hold" {
		a.write(w, string(body))
		if r.URL.Path == "/more" {
			w.Header().Set("X-More", "1")
		}
		if r.URL.Path == "/behind" {
			io.WriteString(w, " and more")
		}
		return
	}
	holder := w.(transport.Holder)
	wake := holder.Waker()
	holder.Hold(heldAnswer{a, string(body)}, time.Hour)
	a.wakers <- wake
}

// A heldAnswer is given when it is asked for.
type heldAnswer struct {
	of   *answering
	body string
}

func (h heldAnswer) Answer(w http.ResponseWriter, _ bool) bool { return h.of.write(w, h.body) == nil }

func (heldAnswer) Drop() {}

// TestHeadersOfAnswers: they are the same, however an answer is given.
func TestHeadersOfAnswers(t *testing.T) {
	for _, tt := range []struct{ repeat, share bool }{{false, false}, {false, true}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("repeat=%v, share=%v", tt.repeat, tt.share), func(t *testing.T) {
			a := &answering{t: t, repeat: tt.repeat, wakers: make(chan func(), 1)}
			if tt.share {
				a.shared = make(map[string]*transport.Shared)
			}
			f := serve(t, a, nil)
			paths := []string{"/", "/", "/", "/hold", "/hold", "/behind", "/behind", "/behind", "/more", "/more", "/more", "/", "/hold", "/never"}
			c := f.dial()
			for i, path := range paths {
				body := []string{"one", "two"}[i%2]
				c.say(post(path, body))
				if path == "/hold" {
					wake := receive(t, a.wakers, "a held request")
					if i == len(paths)-2 { // it is the end that has it answered
						go f.server.Shutdown(t.Context()) // whose answer comes behind this one
					} else {
						wake()
					}
				}
				all := body
				if path == "/behind" {
					all += " and more"
				}
				resp := c.want(all)
				resp.Header.Del("Date")
				want := http.Header{
					"X-Ahead": {path}, "Vary": {"Origin"}, "Content-Length": {fmt.Sprint(len(all))},
				}
				transport.SetAnswerHeader(want, "text/"+body)
				if path == "/more" {
					want.Set("X-More", "1")
				}
				if !maps.EqualFunc(resp.Header, want, slices.Equal) {
					t.Errorf("answer %d, of %s:\n got %v\nwant %v", i, path, resp.Header, want)
				}
				if resp.Close != (i == len(paths)-2) {
					t.Errorf("answer %d, of %s: the end is %v", i, path, resp.Close)
				}
				if resp.Close {
					break
				}
			}
			c.wantEnd()
		})
	}
}
