package memcache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// allCalls is every call that needs memcached.
func allCalls(t *testing.T, s *Store) map[string]error {
	t.Helper()
	errs := map[string]error{}
	_, errs["Append"] = s.Append(t.Context(), "c", store.Message{ID: "down"})
	_, errs["Read"] = s.Read(t.Context(), "c", "", 10)
	_, errs["Tail"] = s.Tail(t.Context(), "c")
	_, errs["ClientCursor"] = s.ClientCursor(t.Context(), "c", "alice")
	errs["SetClientCursor"] = s.SetClientCursor(t.Context(), "c", "alice", "m.AAAAAAAA")
	errs["Ping"] = s.Ping(t.Context())
	return errs
}

func testMemcachedDownAndBack(t *testing.T, v memcachedtest.Version) {
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprintf("watched %v", watched), func(t *testing.T) {
			server := v.Start(t)
			s := openStore(t, Config{Addr: server.Addr})
			if watched {
				s.Watch(t.Context(), "c")
			}
			first := mustAppend(t, s, "c", "first")
			mustRead(t, s, "c", "") // a follower has seen it by now
			untouched := mustTail(t, s, "untouched")

			server.Kill(t)
			begun := time.Now()
			for name, err := range allCalls(t, s) {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s while memcached is down: got %v, want %v", name, err, store.ErrUnavailable)
				}
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("to hear that memcached is down took %v", took)
			}

			server.Restart(t)
			mustAppend(t, s, "c", "second")
			p := mustRead(t, s, "c", first)
			if got := texts(p.Messages); !p.Gap || !slices.Equal(got, []string{"second"}) {
				t.Errorf("after a restart: got gap %v and %q, want a gap and the second", p.Gap, got)
			}
			if p := mustRead(t, s, "c", p.Cursor); p.Gap || len(p.Messages) != 0 {
				t.Errorf("reading on: got gap %v and %q, want neither", p.Gap, texts(p.Messages))
			}
			if p := mustRead(t, s, "untouched", untouched); !p.Gap {
				t.Error("the place in a channel that was empty knows of no gap")
			}
		})
	}
}

// After a restart every connection that was kept open is dead. Nobody has to
// hear of it.
func testCallsAfterARestartJustWork(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t)
	s := openStore(t, Config{Addr: server.Addr})
	calls := map[string]func() error{
		"Append": func() error { _, err := s.Append(t.Context(), "c", store.Message{ID: "m"}); return err },
		"Read":   func() error { _, err := s.Read(t.Context(), "c", "", 1); return err },
		"Tail":   func() error { _, err := s.Tail(t.Context(), "c"); return err },
		"Ping":   func() error { return s.Ping(t.Context()) },
	}
	for name, call := range calls {
		var g errgroup.Group
		for range 8 { // so that some connections are kept
			g.Go(call)
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		server.Restart(t)
		if err := call(); err != nil {
			t.Errorf("%s after a restart: %v", name, err)
		}
	}
}

// Watchers are told, also where the channel held nothing.
func testWatchersHearOfARestart(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t)
	s, writer := openStore(t, Config{Addr: server.Addr}), openStore(t, Config{Addr: server.Addr})
	hints := map[string]<-chan struct{}{}
	at := map[string]protocol.Cursor{}
	for _, channel := range []string{"used", "empty"} {
		hints[channel] = s.Watch(t.Context(), channel)
	}
	mustAppend(t, writer, "used", "x")
	for channel := range hints {
		at[channel] = mustTail(t, s, channel)
		for len(hints[channel]) > 0 {
			<-hints[channel]
		}
	}
	server.Restart(t)
	for channel := range hints {
		await(t, hints[channel], func() bool {
			p, err := s.Read(t.Context(), channel, at[channel], 10)
			return err == nil && p.Gap
		})
	}
}

// A flush leaves connections open, and begins CAS numbers nowhere anew.
func testFlushIsAGap(t *testing.T, v memcachedtest.Version) {
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprintf("watched %v", watched), func(t *testing.T) {
			server := v.Start(t)
			c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
			if watched {
				s.Watch(t.Context(), "c")
			}
			at := mustAppend(t, s, "c", "x")
			empty := mustTail(t, s, "empty")
			if err := c.FlushAll(); err != nil {
				t.Fatal(err)
			}
			for channel, place := range map[string]protocol.Cursor{"c": at, "empty": empty} {
				p := mustRead(t, s, channel, place)
				if !p.Gap || len(p.Messages) != 0 {
					t.Errorf("%s: got gap %v and %q, want a gap and nothing", channel, p.Gap, texts(p.Messages))
				}
				if p := mustRead(t, s, channel, p.Cursor); p.Gap {
					t.Errorf("%s: the gap is told twice", channel)
				}
			}
		})
	}
}

// A server that is there but does not answer costs the time-out, not more.
func testMemcachedPaused(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t)
	s := openStore(t, Config{Addr: server.Addr, Timeout: time.Second})
	hints := s.Watch(t.Context(), "c")
	at := mustAppend(t, s, "c", "x")
	mustRead(t, s, "c", at)
	server.Pause(t)
	begun := time.Now()
	_, err := s.Append(t.Context(), "c", store.Message{ID: "m"})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Append: got %v, want %v", err, store.ErrUnavailable)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("Append took %v, with a time-out of 1s", took)
	}
	server.Resume(t)
	writer := openStore(t, Config{Addr: server.Addr})
	// The Append may have left its lock, which ends by itself.
	mustAppend(t, writer, "c", "y")
	await(t, hints, func() bool {
		p, err := s.Read(t.Context(), "c", at, 10)
		if err != nil {
			return false
		}
		if p.Gap {
			t.Error("a pause made a gap")
		}
		return slices.Contains(texts(p.Messages), "y")
	})
}

func testTooLarge(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	setDocument(t, c, "c", `{"lastid":0,"messages":{"a":"1"}}`)
	// Random text: nothing to gain by compression.
	big := store.Message{ID: "big", Text: []byte(noise(1300 << 10))}
	if _, err := s.Append(t.Context(), "c", big); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a channel beyond the bound: got %v, want %v", err, store.ErrTooLarge)
	}
	big.Text = []byte(strings.Repeat("x", maxText))
	if _, err := s.Append(t.Context(), "c", big); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("text beyond the bound: got %v, want %v", err, store.ErrTooLarge)
	}
	big.Text = []byte(strings.Repeat("x", 2<<20)) // fits compressed
	mustAppend(t, s, "c", "2")
	if _, err := s.Append(t.Context(), "c", big); err != nil {
		t.Errorf("a channel that fits compressed: %v", err)
	}
	got := mustRead(t, s, "c", "").Messages
	if len(got) != 3 || string(got[2].Text) != string(big.Text) {
		t.Errorf("got %d messages, want 3, the last of %d bytes", len(got), len(big.Text))
	}
	if item, err := c.Get("channel_c"); err != nil || item.Flags != flagsZlib {
		t.Errorf("item of a large channel: %v, flags %d, want %d", err, item.Flags, flagsZlib)
	}
}

// A server with a bound below ours refuses, and keeps what it has.
func testTooLargeForTheServer(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t, "-I", "512k")
	s := openStore(t, Config{Addr: server.Addr})
	mustAppend(t, s, "c", "x")
	_, err := s.Append(t.Context(), "c", store.Message{ID: "big", Text: []byte(noise(800 << 10))})
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, store.ErrTooLarge)
	}
	if got := mustRead(t, s, "c", "").Messages; len(got) != 1 || string(got[0].Text) != "x" {
		t.Errorf("after the refusal: got %d messages, want the one from before", len(got))
	}
}

// noise is n bytes of text that zlib can't make much smaller.
func noise(n int) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
	random := rand.NewChaCha8([32]byte{})
	text := make([]byte, n)
	for i := range text {
		text[i] = letters[random.Uint64()%64]
	}
	return string(text)
}
