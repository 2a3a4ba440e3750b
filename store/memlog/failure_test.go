package memlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/store"
)

// allCalls is every call that needs memcached.
func allCalls(t *testing.T, s *Store, channel string) map[string]error {
	t.Helper()
	errs := map[string]error{}
	_, errs["Append"] = s.Append(t.Context(), channel, store.Message{ID: "down"})
	_, errs["Read"] = s.Read(t.Context(), channel, "", 10)
	_, errs["Tail"] = s.Tail(t.Context(), channel)
	_, errs["ClientCursor"] = s.ClientCursor(t.Context(), channel, "alice")
	errs["SetClientCursor"] = s.SetClientCursor(t.Context(), channel, "alice", "x")
	return errs
}

func TestMemcachedDownAndBack(t *testing.T) {
	for _, noEvents := range []bool{false, true} {
		t.Run(fmt.Sprintf("polling %v", noEvents), func(t *testing.T) {
			server := memcachedtest.Start(t)
			s := openStore(t, Config{Servers: []string{server.Addr}, NoEvents: noEvents})
			hints := s.Watch(t.Context(), "c")
			first := mustAppend(t, s, "c", "first")
			quiet := mustTail(t, s, "quiet")

			server.Kill(t)
			checkDown(t, s)

			server.Restart(t)
			at := first
			await(t, hints, func() bool { // told without anybody's writing
				p, err := s.Read(t.Context(), "c", first, 10)
				if err != nil {
					return false
				}
				at = p.Cursor
				return p.Gap
			})
			mustAppend(t, s, "c", "second")
			p := mustRead(t, s, "c", at)
			if got := texts(p.Messages); p.Gap || !slices.Equal(got, []string{"second"}) {
				t.Errorf("behind the gap: got gap %v and %q, want the second alone", p.Gap, got)
			}
			if p := mustRead(t, s, "quiet", quiet); !p.Gap {
				t.Error("the place in a channel that was empty knows of no gap")
			}
		})
	}
}

// checkDown: every call tells in time that memcached is not there.
func checkDown(t *testing.T, s *Store) {
	t.Helper()
	begun := time.Now()
	errs := allCalls(t, s, "c")
	errs["Ping"] = s.Ping(t.Context())
	for name, err := range errs {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s while memcached is down: got %v, want %v", name, err, store.ErrUnavailable)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("to hear that memcached is down took %v", took)
	}
}

// Of two servers one goes away: the channels of the other do not notice.
func TestOneOfTwoServersDown(t *testing.T) {
	one, two := memcachedtest.Start(t), memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{one.Addr, two.Addr}})
	channels := map[string]string{} // by server
	for i := 0; len(channels) < 2; i++ {
		channel := fmt.Sprint("channel-", i)
		channels[s.server(channel).addr] = channel
	}
	lost, kept := channels[one.Addr], channels[two.Addr]
	lostAt, keptAt := mustAppend(t, s, lost, "x"), mustAppend(t, s, kept, "y")

	one.Kill(t)
	for name, err := range allCalls(t, s, lost) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s on the server that is down: got %v, want %v", name, err, store.ErrUnavailable)
		}
	}
	for name, err := range allCalls(t, s, kept) {
		if err != nil {
			t.Errorf("%s on the other server: %v", name, err)
		}
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("Ping with one server left: %v", err)
	}
	if p := mustRead(t, s, kept, keptAt); p.Gap || len(p.Messages) != 1 {
		t.Errorf("the other server's channel: got gap %v and %d messages, want 1", p.Gap, len(p.Messages))
	}

	one.Restart(t)
	mustAppend(t, s, lost, "z")
	if p := mustRead(t, s, lost, lostAt); !p.Gap || !slices.Equal(texts(p.Messages), []string{"z"}) {
		t.Errorf("on return: got gap %v and %q, want a gap and what came since", p.Gap, texts(p.Messages))
	}
}

// A server that is there but does not answer costs the time-out, not more, and
// what it keeps is there afterwards.
func TestMemcachedPaused(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}, Timeout: 100 * time.Millisecond})
	hints := s.Watch(t.Context(), "c")
	at := mustAppend(t, s, "c", "x")
	server.Pause(t)
	begun := time.Now()
	m := newMessage("y")
	if _, err := s.Append(t.Context(), "c", m); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Append: got %v, want %v", err, store.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, "c", newMessage("perhaps")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Append that may not take long: got %v, want %v", err, context.DeadlineExceeded)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("two Appends took %v", took)
	}
	server.Resume(t)
	await(t, hints, func() bool {
		_, err := s.Append(t.Context(), "c", m)
		if err != nil {
			return false
		}
		p := mustRead(t, s, "c", at)
		return slices.Contains(texts(p.Messages), "y")
	})
	var all []string
	for p := mustRead(t, s, "c", ""); p.Gap || len(p.Messages) > 0; p = mustRead(t, s, "c", p.Cursor) {
		all = append(all, texts(p.Messages)...)
	}
	if n := strings.Count(strings.Join(all, " "), "y"); n != 1 {
		t.Errorf("the message that was sent twice is there %d times", n)
	}
}

func TestTooLarge(t *testing.T) {
	server, small := memcachedtest.Start(t), memcachedtest.Start(t, "-I", "512k")
	tests := []struct {
		name string
		addr string
		size int
		want error
	}{
		{"the most", server.Addr, maxText, nil},
		{"beyond", server.Addr, maxText + 1, store.ErrTooLarge},
		{"beyond the server's bound", small.Addr, 600_000, store.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t, Config{Servers: []string{test.addr}})
			first := mustAppend(t, s, test.name[:3], "x")
			m := newMessage(strings.Repeat("x", test.size))
			if _, err := s.Append(t.Context(), test.name[:3], m); !errors.Is(err, test.want) {
				t.Errorf("Append: got %v, want %v", err, test.want)
			}
			mustAppend(t, s, test.name[:3], "y")
			p := mustRead(t, s, test.name[:3], first)
			want := 1
			if test.want == nil {
				want = 2
			}
			if p.Gap || len(p.Messages) != want {
				t.Errorf("got gap %v and %d messages, want %d", p.Gap, len(p.Messages), want)
			}
		})
	}
}

// A head that is no number is no channel: its senders hear it.
func TestForeignHead(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}})
	s.mustRun(t, "c", addOp(headKey("c"), 1, 100, []byte("none")))
	errs := allCalls(t, s, "c")
	for _, name := range []string{"Append", "Read", "Tail"} {
		if !errors.Is(errs[name], store.ErrUnavailable) || !strings.Contains(fmt.Sprint(errs[name]), "no number") {
			t.Errorf("%s: got %v, want %v because of the head", name, errs[name], store.ErrUnavailable)
		}
	}
}

// flush_all leaves connections open.
func TestFlushIsAGap(t *testing.T) {
	server := memcachedtest.Start(t)
	s, mc := openStore(t, Config{Servers: []string{server.Addr}}), dial(t, server)
	hints := s.Watch(t.Context(), "c")
	at := mustAppend(t, s, "c", "x")
	if err := mc.FlushAll(); err != nil {
		t.Fatal(err)
	}
	var p store.Page
	await(t, hints, func() bool {
		p = mustRead(t, s, "c", at)
		return p.Gap
	})
	if len(p.Messages) != 0 {
		t.Errorf("got %q, want nothing", texts(p.Messages))
	}
	if p := mustRead(t, s, "c", p.Cursor); p.Gap {
		t.Error("the gap is told twice")
	}
}

// A place that lies above the end can't have been given by anybody.
func TestPlaceFromTheFuture(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}})
	at, _ := parsePlace(mustAppend(t, s, "c", "x"))
	for _, p := range []place{{at.epoch, at.n + 1}, {at.epoch, 1<<64 - 1}, {at.epoch + 1, 1<<64 - 1}, {at.epoch + 1, 1<<64 - 70}, {at.epoch, 0}} {
		page := mustRead(t, s, "c", p.cursor())
		if !page.Gap || len(page.Messages) != 1 {
			t.Errorf("after %q: got gap %v and %d messages, want a gap and 1", p.cursor(), page.Gap, len(page.Messages))
		}
	}
	if got := mustTail(t, s, "c"); got != at.cursor() {
		t.Errorf("end: got %q, want %q", got, at.cursor())
	}
}
