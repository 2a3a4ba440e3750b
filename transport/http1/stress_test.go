package http1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/transport"
)

// A source counts, and wakes whoever waits for it to count on.
type source struct {
	t     testing.TB
	polls bool // requests that repeat are tried, and have their answers shared

	mu      sync.Mutex
	n       int
	waiting map[*counted]func() // and their Wakers
	begun   int                 // requests that were held,
	ended   int                 // and those of them that have ended
	shared  *transport.Shared   // n's
}

// count counts one on, and tells how many requests were held by then. The
// Wakers are called under the lock that Answer takes.
func (s *source) count() (begun int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.shared = &transport.Shared{ContentType: "text/plain", Body: []byte(strconv.Itoa(s.n))}
	for _, wake := range s.waiting {
		wake()
	}
	return s.begun
}

// A counted is a request for all numbers behind one.
type counted struct {
	source *source
	behind int
	busy   sync.Mutex // of a call

	// guarded by source.mu
	ended string // how
}

// ServeHTTP answers with the number reached, or holds the request until there
// is a higher one than that in the body.
func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.hold(w, r) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprint(w, s.n)
	}
}

// Try tries to hold the request.
func (s *source) Try(w http.ResponseWriter, r *http.Request) bool { return s.hold(w, r) }

func (s *source) hold(w http.ResponseWriter, r *http.Request) bool {
	behind, err := strconv.Atoi(string(r.Body.(transport.ReadAhead).Bytes()))
	if err != nil {
		s.t.Errorf("body: %v", err)
	}
	holder := w.(transport.Holder)
	one := &counted{source: s, behind: behind}
	s.mu.Lock()
	if s.n != behind {
		s.mu.Unlock()
		return false
	}
	s.waiting[one] = holder.Waker()
	s.begun++
	s.mu.Unlock() // and it may be woken from now on
	if s.polls {
		holder.Repeat(s)
	}
	holder.Hold(one, time.Hour)
	return true
}

func (one *counted) Answer(w http.ResponseWriter, last bool) bool {
	if !one.busy.TryLock() {
		one.source.t.Error("two calls at a time")
	}
	defer one.busy.Unlock()
	s := one.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.ended != "" {
		s.t.Errorf("asked for an answer after it was %s", one.ended)
	}
	if s.n == one.behind && !last {
		return false
	}
	if s.polls && s.shared != nil {
		if err := transport.WriteShared(w, s.shared, time.Minute); err != nil {
			s.t.Error(err)
		}
	} else {
		fmt.Fprint(w, s.n)
	}
	one.end("answered")
	return true
}

func (one *counted) Drop() {
	if !one.busy.TryLock() {
		one.source.t.Error("two calls at a time")
	}
	defer one.busy.Unlock()
	one.source.mu.Lock()
	defer one.source.mu.Unlock()
	if one.ended != "" {
		one.source.t.Errorf("dropped after it was %s", one.ended)
	}
	one.end("dropped")
}

// end wants source.mu.
func (one *counted) end(how string) {
	one.ended = how
	one.source.ended++
	delete(one.source.waiting, one)
}

// poll polls until it has seen the number last. It leaves at times, in one way
// or another, and comes back.
func poll(addr string, last int, leaves bool) error {
	for seen := 0; seen < last; {
		c, err := pollerTo(addr)
		if err != nil {
			return err
		}
		for seen < last {
			if _, err := io.WriteString(c.nc, post("/", strconv.Itoa(seen))); err != nil {
				return err
			}
			if leaves && rand.IntN(4) == 0 {
				if rand.IntN(2) == 0 {
					c.nc.SetLinger(0)
				}
				break
			}
			_, body, err := c.answer()
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(body)
			if err != nil || n <= seen {
				return fmt.Errorf("got %q behind %d", body, seen)
			}
			seen = n
		}
		c.nc.Close()
	}
	return nil
}

func pollerTo(addr string) (*client, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	nc.SetDeadline(time.Now().Add(time.Minute))
	return &client{nc: nc.(*net.TCPConn), r: bufio.NewReader(nc)}, nil
}

// TestManyHeldRequests: five hundred requests that one source wakes at once,
// while their clients ask again or leave, are each answered or dropped, and
// that once.
func TestManyHeldRequests(t *testing.T) { bothWays(t, testManyHeldRequests) }

func testManyHeldRequests(t *testing.T, polls bool) {
	clients, last := 500, 30
	if testing.Short() {
		clients = 100
	}
	s := &source{t: t, polls: polls, waiting: make(map[*counted]func())}
	f := serve(t, s, nil)
	var polling sync.WaitGroup
	for i := range clients {
		polling.Go(func() {
			if err := poll(f.addr, last, i%5 == 0); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { polling.Wait(); close(done) }()
	for n, before := 0, 0; n < last; n++ {
		// Some are held again; who has not come by then finds the number higher.
		enough := before + 1 + rand.IntN(clients)
		s.await(t, func() bool { return s.begun >= enough })
		before = s.count()
	}
	receive(t, done, "the last number at all clients")
	f.server.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != s.begun || len(s.waiting) > 0 {
		t.Errorf("%d requests were held, and %d ended", s.begun, s.ended)
	}
	t.Logf("%d requests were held", s.begun)
}

// await waits for what nobody announces. It calls ok under s.mu.
func (s *source) await(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		there := ok()
		s.mu.Unlock()
		if there {
			return
		}
		select {
		case <-deadline:
			t.Fatal("it did not come about")
		case <-tick.C:
		}
	}
}

// TestAllAtOnce: all are held, one wake-up for each answers them,
// and again.
func TestAllAtOnce(t *testing.T) { bothWays(t, testAllAtOnce) }

func testAllAtOnce(t *testing.T, polls bool) {
	clients, rounds := 1200, 3 // more than the shards are left with
	if testing.Short() {
		clients = 100
	}
	s := &source{t: t, polls: polls, waiting: make(map[*counted]func())}
	f := serve(t, s, nil)
	var polling sync.WaitGroup
	for i := range clients {
		polling.Go(func() {
			c, err := pollerTo(f.addr)
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			defer c.nc.Close()
			for n := range rounds {
				if _, err := io.WriteString(c.nc, post("/", strconv.Itoa(n))); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
				if _, body, err := c.answer(); err != nil || body != strconv.Itoa(n+1) {
					t.Errorf("client %d, round %d: got %q %v", i, n, body, err)
				}
			}
		})
	}
	for n := range rounds {
		s.await(t, func() bool { return s.begun == (n+1)*clients })
		s.count()
	}
	polling.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun != rounds*clients || s.ended != s.begun {
		t.Errorf("%d requests were held and %d ended, want %d", s.begun, s.ended, rounds*clients)
	}
}

// TestEndWhileMany: the end comes while requests come, wait, and are answered.
func TestEndWhileMany(t *testing.T) { bothWays(t, testEndWhileMany) }

func testEndWhileMany(t *testing.T, polls bool) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, f *front)
	}{
		{"shutdown", func(t *testing.T, f *front) { f.shutdown(t) }},
		{"close", func(_ *testing.T, f *front) { f.server.Close() }},
		{"shutdown and close", func(t *testing.T, f *front) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := f.server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("shutdown: %v", err)
			}
			f.server.Close()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &source{t: t, polls: polls, waiting: make(map[*counted]func())}
			f := serve(t, s, nil)
			var polling sync.WaitGroup
			for range 100 {
				polling.Go(func() {
					if err := poll(f.addr, 1<<30, true); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("a client was left waiting")
					}
				})
			}
			for before := 0; before < 500; before = s.count() {
				s.await(t, func() bool { return s.begun > before+50 })
			}
			tt.end(t, f)
			polling.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.ended != s.begun {
				t.Errorf("%d requests were held, and %d ended", s.begun, s.ended)
			}
		})
	}
}
