package mcwire

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// The exchanges that wait for an answer.
var exchanges = map[string]func(ctx context.Context, c *Conn) error{
	"GetChanged": func(ctx context.Context, c *Conn) error {
		return c.GetChanged(ctx, []Want{{Key: "a"}}, func(Result) {})
	},
	"Heads": func(ctx context.Context, c *Conn) error { return c.Heads(ctx, []Want{{Key: "a"}}, func(Result) {}) },
	"Stats": func(ctx context.Context, c *Conn) error { _, err := c.Stats(ctx); return err },
	"Watch": func(ctx context.Context, c *Conn) error { _, err := c.Watch(ctx); return err },
	"SetQuiet, Stats": func(ctx context.Context, c *Conn) error {
		err := c.SetQuiet(ctx, "a", []byte("v"), 5)
		if _, statsErr := c.Stats(ctx); err == nil {
			return statsErr
		}
		return err
	},
}

var needed = map[string]memcachedtest.Version{"GetChanged": meta, "Heads": meta, "Watch": watching}

// timely fails t where that which began at begun took far longer than bound.
func timely(t *testing.T, begun time.Time, bound time.Duration) {
	t.Helper()
	if took := time.Since(begun); took > bound+2*time.Second {
		t.Errorf("it took %v, the bound is %v", took, bound)
	}
}

func testPausedServer(t *testing.T, v memcachedtest.Version) {
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v.Needs(t, needed[name])
			const timeout = 200 * time.Millisecond
			s := v.Start(t)
			c := dial(t, s, Config{Timeout: timeout})
			s.Pause(t)
			begun := time.Now()
			if err := exchange(t.Context(), c); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v, want a timeout", err)
			}
			timely(t, begun, timeout)
			checkClosed(t, c)
			s.Resume(t)
			if err := exchange(t.Context(), dial(t, s, Config{})); err != nil {
				t.Errorf("when it goes on: %v", err)
			}
		})
	}
}

func testKilledServer(t *testing.T, v memcachedtest.Version) {
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v.Needs(t, needed[name])
			s := v.Start(t)
			c := dial(t, s, Config{})
			s.Pause(t) // so that it can't answer before it ends
			result := make(chan error, 1)
			go func() { result <- exchange(t.Context(), c) }()
			s.Kill(t)
			begun := time.Now()
			if err := <-result; !isGone(err) {
				t.Errorf("got %v, want the connection's end", err)
			}
			timely(t, begun, 0)
			checkClosed(t, c)
			if _, err := Dial(t.Context(), s.Addr, Config{}); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("Dial: got %v, want a refusal", err)
			}
			s.Restart(t)
			if err := exchange(t.Context(), dial(t, s, Config{})); err != nil {
				t.Errorf("when it is back: %v", err)
			}
		})
	}
}

func isGone(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// The server stops in the middle of what it has to say.
func testFaultAmidAnswers(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	const timeout = 200 * time.Millisecond
	tests := []struct {
		name  string
		fault func(s *memcachedtest.Server, t testing.TB)
		want  func(error) bool
	}{
		{"paused", (*memcachedtest.Server).Pause, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
		{"killed", (*memcachedtest.Server).Kill, isGone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := v.Start(t, "-m", "256")
			wants := fill(t, s, 5000, 10<<10)
			for i := range wants {
				wants[i].LastCAS = 0
			}
			c := dial(t, s, Config{Timeout: timeout})
			var begun time.Time
			n := 0
			err := c.GetChanged(t.Context(), wants, func(r Result) {
				if n++; n == 100 {
					tt.fault(s, t)
					begun = time.Now()
				}
			})
			if !tt.want(err) || n < 100 || n == len(wants) {
				t.Errorf("got %d of %d results, %v", n, len(wants), err)
			}
			timely(t, begun, timeout)
			checkClosed(t, c)
		})
	}
}

// A stream outlasts a pause, and nothing is lost by it.
func testStreamOfPausedServer(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	c, w := dial(t, s, Config{}), watch(t, s, "a")
	s.Pause(t)
	if err := c.SetQuiet(t.Context(), "a", []byte("v"), 5); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if ev, err := w.Next(50 * time.Millisecond); !errors.Is(err, ErrSilent) {
			t.Fatalf("got %q, %v, want ErrSilent", ev.Key, err)
		}
	}
	s.Resume(t)
	if ev := next(t, w); string(ev.Key) != "a" {
		t.Errorf("got %q, want a", ev.Key)
	}
}

func testStreamOfKilledServer(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	w := watch(t, s)
	result := make(chan error, 1)
	go func() {
		_, err := w.Next(patience)
		result <- err
	}()
	s.Kill(t)
	begun := time.Now()
	if err := <-result; !isGone(err) {
		t.Errorf("got %v, want the connection's end", err)
	}
	timely(t, begun, 0)
	checkClosed(t, w.conn)
}

// What can't even be sent ends in time as well: the peer never reads.
func TestWriteTimeout(t *testing.T) {
	for name, exchange := range exchanges {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				defer far.Close()
				c := New(near, Config{Timeout: 3 * time.Second})
				begun := time.Now()
				if err := exchange(t.Context(), c); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("got %v, want a timeout", err)
				}
				if took := time.Since(begun); took != 3*time.Second {
					t.Errorf("it took %v, want 3s", took)
				}
				checkClosed(t, c)
			})
		})
	}
}

func TestDialWithContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, memcachedtest.Start(t).Addr, Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestCloseFromElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := against(t, Config{Timeout: time.Hour}, func(p *peer) { p.hears("stats") })
		result := make(chan error, 1)
		go func() {
			_, err := c.Stats(t.Context())
			result <- err
		}()
		synctest.Wait() // for Stats to be waiting
		for range 2 {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-result; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v, want io.ErrClosedPipe", err)
		}
	})
}
