package memcache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/store"
)

// midway opens a store with a channel "c" whose writer, once it has read the
// document and taken up all of the messages m0 to m(n-1), stands still until
// goOn is called.
func midway(t *testing.T, server *memcachedtest.Server, cfg Config, n int) (s *Store, as []*appending, goOn func()) {
	t.Helper()
	clock := &fakeClock{}
	cfg.Addr, cfg.Clock = server.Addr, clock.now
	c := dial(t, server)
	s = openStore(t, cfg)
	mustAppend(t, s, "c", "first")
	holdLock(t, c, "c", 60)
	as = beginAll(t, s, numbered(n)...)
	reached, resume := make(chan struct{}), make(chan struct{})
	clock.call(func() {
		if waitingFor(s, "c") == 0 {
			clock.call(nil)
			close(reached)
			<-resume
		}
	})
	release(t, c)
	select {
	case <-reached:
	case <-time.After(20 * time.Second):
		t.Fatal("the messages are not taken up")
	}
	return s, as, func() { close(resume) }
}

// Whoever gives up when its message is being written learns what came of it.
func TestGivingUpMidway(t *testing.T) {
	server := memcachedtest.Start(t)
	s, as, goOn := midway(t, server, Config{}, 3)
	as[1].cancel()
	goOn()
	for _, a := range as {
		if _, err := a.wait(t); err != nil {
			t.Errorf("Append of %q: %v", a.id, err)
		}
	}
	checkTexts(t, s, "first", "m0", "m1", "m2")
}

// The write fails since another process wrote without the lock: who gave up
// meanwhile has no part in the next one, which begins with the others.
func TestGivingUpMidwayInVain(t *testing.T) {
	server := memcachedtest.Start(t)
	s, as, goOn := midway(t, server, Config{}, 3)
	setDocument(t, dial(t, server), "c", `{"lastid":0,"messages":{"other":"other"}}`)
	as[1].cancel()
	as = append(as, beginAll(t, s, "later")...)
	goOn()
	for i, want := range []error{nil, context.Canceled, nil, nil} {
		if _, err := as[i].wait(t); !errors.Is(err, want) {
			t.Errorf("Append of %q: got %v, want %v", as[i].id, err, want)
		}
	}
	checkTexts(t, s, "other", "m0", "m2", "later")
}

func TestMemcachedDiesMidway(t *testing.T) {
	server := memcachedtest.Start(t)
	s, as, goOn := midway(t, server, Config{}, 20)
	server.Kill(t)
	more := beginAll(t, s, "later") // waits for the write that goes on
	goOn()
	for _, a := range append(as, more...) {
		if _, err := a.wait(t); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Append of %q: got %v, want %v", a.id, err, store.ErrUnavailable)
		}
	}
	server.Restart(t)
	checkTexts(t, s)
	mustAppend(t, s, "c", "x")
	checkTexts(t, s, "x")
}

// A server that falls silent in the middle may have stored the messages or
// not. Nobody is told that it has, and to append them again is safe.
func TestMemcachedFallsSilentMidway(t *testing.T) {
	server := memcachedtest.Start(t)
	s, as, goOn := midway(t, server, Config{Timeout: 500 * time.Millisecond}, 20)
	server.Pause(t)
	goOn()
	for _, a := range as {
		if _, err := a.wait(t); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Append of %q: got %v, want %v", a.id, err, store.ErrUnavailable)
		}
	}
	server.Resume(t)
	want := []string{"first"}
	for _, a := range as {
		want = append(want, a.id)
		m := store.Message{ID: a.id, Text: []byte(a.id)}
		if _, err := s.Append(t.Context(), "c", m); err != nil {
			t.Fatalf("Append of %q again: %v", a.id, err)
		}
	}
	checkTexts(t, s, want...)
}

// Those behind another's lock hear of Close at once; those whose turn it is
// are written.
func TestCloseWithAppendsThatWait(t *testing.T) {
	t.Run("for a lock", func(t *testing.T) {
		server := memcachedtest.Start(t)
		s := openStore(t, Config{Addr: server.Addr})
		holdLock(t, dial(t, server), "c", 60)
		as := beginAll(t, s, numbered(3)...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			if _, err := a.wait(t); !errors.Is(err, store.ErrClosed) {
				t.Errorf("Append of %q: got %v, want %v", a.id, err, store.ErrClosed)
			}
		}
	})
	t.Run("for the write before", func(t *testing.T) {
		server := memcachedtest.Start(t)
		s, as, goOn := midway(t, server, Config{}, 3)
		as = append(as, beginAll(t, s, "later")...)
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		<-s.stop
		goOn()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			if _, err := a.wait(t); err != nil {
				t.Errorf("Append of %q: %v", a.id, err)
			}
		}
		checkTexts(t, openStore(t, Config{Addr: server.Addr}), "first", "m0", "m1", "m2", "later")
	})
}
