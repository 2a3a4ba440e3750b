package memlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// crashAt ends the first passing of a step.
func crashAt(step string) func(string) error {
	var crashed atomic.Bool
	return func(at string) error {
		if at == step && crashed.CompareAndSwap(false, true) {
			return errCrash
		}
		return nil
	}
}

// A gateway ends between two steps of publishing, and the sender comes back
// through another one, early or after readers have closed the number. A gateway
// that has published to the channel guesses its next number.
func TestCrashWhilePublishing(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}, Grace: 20 * time.Millisecond}
	tests := []struct {
		step    string
		guesses bool
		early   bool
		wantGap bool
	}{
		{"allotted", false, true, true},
		{"allotted", false, false, true},
		{"allotted", true, true, true},
		{"allotted", true, false, true},
		{"claimed", false, true, false},
		{"claimed", false, false, true},
		{"stored", false, true, false},
		{"stored", false, false, false},
		{"stored", true, true, false},
		{"stored", true, false, false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s, guesses %v, early %v", test.step, test.guesses, test.early), func(t *testing.T) {
			channel := fmt.Sprintf("%s-%v-%v", test.step, test.guesses, test.early)
			var crash func(string) error
			crashing := openStepped(t, cfg, func(step string) error {
				if crash == nil {
					return nil
				}
				return crash(step)
			})
			s := openStore(t, cfg)
			if test.guesses {
				mustAppend(t, crashing, channel, "before")
			}
			at := mustTail(t, s, channel)
			crash = crashAt(test.step)
			m := newMessage("m")
			_, err := crashing.Append(t.Context(), channel, m)
			if test.step != "stored" && !errors.Is(err, errCrash) {
				t.Fatalf("Append by a gateway that ends: got %v, want %v", err, errCrash)
			}
			var early store.Page
			if !test.early {
				early = mustRead(t, s, channel, at)
				at = early.Cursor
			}
			checkOnePlace(t, s, channel, m)
			late := mustRead(t, s, channel, at)
			count, gap := len(early.Messages)+len(late.Messages), early.Gap || late.Gap
			if count != 1 || gap != test.wantGap {
				t.Errorf("readers got %d messages and gap %v, want 1 and gap %v", count, gap, test.wantGap)
			}
		})
	}
}

// checkOnePlace: however often m is appended, it has one place.
func checkOnePlace(t *testing.T, s *Store, channel string, m store.Message) {
	t.Helper()
	var cursors []protocol.Cursor
	for range 3 {
		c, err := s.Append(t.Context(), channel, m)
		if err != nil {
			t.Fatalf("Append through another gateway: %v", err)
		}
		cursors = append(cursors, c)
	}
	if len(slices.Compact(cursors)) != 1 {
		t.Errorf("got places %q, want one", cursors)
	}
}

// A publisher stalls for longer than the grace time: a reader closes its
// number, and it takes another one.
func TestStalledPublisherTakesANewNumber(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}, Grace: time.Millisecond}
	s := openStore(t, cfg)
	at := mustTail(t, s, "c")
	var stalled atomic.Bool
	publisher := openStepped(t, cfg, func(step string) error {
		if step == "claimed" && stalled.CompareAndSwap(false, true) {
			p, err := s.Read(context.Background(), "c", at, 10)
			if err != nil {
				return err
			}
			if !p.Gap || len(p.Messages) != 0 {
				return fmt.Errorf("the reader got gap %v and %d messages", p.Gap, len(p.Messages))
			}
		}
		return nil
	})
	c := mustAppend(t, publisher, "c", "m")
	if got, want := numberOf(t, c), numberOf(t, at)+2; got != want {
		t.Errorf("number: got %d, want %d", got, want)
	}
	p := mustRead(t, s, "c", at)
	if !p.Gap || !slices.Equal(texts(p.Messages), []string{"m"}) {
		t.Errorf("got gap %v and %q, want a gap and the message", p.Gap, texts(p.Messages))
	}
}

// A publisher stalls, and its sender tries again through another gateway, whose
// way is through to the end: there is one message, and both tell its place.
func TestStalledPublisherIsOvertaken(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}, Grace: time.Millisecond}
	for _, test := range []struct {
		step    string
		guesses bool
	}{{"allotted", false}, {"allotted", true}, {"claimed", false}, {"stored", false}, {"stored", true}} {
		t.Run(fmt.Sprintf("%s, guesses %v", test.step, test.guesses), func(t *testing.T) {
			channel := fmt.Sprintf("%s-%v", test.step, test.guesses)
			s := openStore(t, cfg)
			m := newMessage("m")
			var armed atomic.Bool
			var overtaking protocol.Cursor
			publisher := openStepped(t, cfg, func(step string) (err error) {
				if step == test.step && armed.CompareAndSwap(true, false) {
					overtaking, err = s.Append(context.Background(), channel, m)
				}
				return err
			})
			if test.guesses {
				mustAppend(t, publisher, channel, "before")
			}
			at := mustTail(t, s, channel)
			armed.Store(true)
			c, err := publisher.Append(t.Context(), channel, m)
			if err != nil || c != overtaking {
				t.Errorf("Append: got %q, %v, want %q as the other", c, err, overtaking)
			}
			if p := mustRead(t, s, channel, at); !slices.Equal(texts(p.Messages), []string{"m"}) {
				t.Errorf("got %q, want the message once", texts(p.Messages))
			}
		})
	}
}

// A gateway has ended behind a claim that it made by guess. Whatever the number
// holds, the sender's next try leads to one message, at the end.
func TestClaimByGuess(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}, Grace: time.Millisecond})
	m := newMessage("m")
	tests := []struct {
		name    string
		leave   func(t *testing.T, channel string) (guess uint64)
		want    []string
		wantGap bool
	}{
		{"nothing is known", func(*testing.T, string) uint64 { return 0 }, []string{"m"}, false},
		{"another's message", func(t *testing.T, channel string) uint64 {
			return numberOf(t, mustAppend(t, s, channel, "another's"))
		}, []string{"another's", "m"}, false},
		{"a number that was not used", func(t *testing.T, channel string) uint64 {
			incr := &op{cmd: cmdIncr, key: headKey(channel), delta: 1}
			s.mustRun(t, channel, incr)
			return incr.number
		}, []string{"m"}, true},
		{"the message itself", func(t *testing.T, channel string) uint64 {
			c, err := s.Append(t.Context(), channel, m)
			if err != nil {
				t.Fatal(err)
			}
			return numberOf(t, c)
		}, []string{"m"}, false},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel := fmt.Sprint("guess-", i)
			at := mustTail(t, s, channel)
			guess := place{guessEpoch, test.leave(t, channel)}
			s.mustRun(t, channel, &op{cmd: cmdSet, key: claimKey(channel, m.ID), ttl: claimTTL, value: []byte(guess.cursor())})
			checkOnePlace(t, s, channel, m)
			p := mustRead(t, s, channel, at)
			if p.Gap != test.wantGap || !slices.Equal(texts(p.Messages), test.want) {
				t.Errorf("got gap %v and %q, want gap %v and %q", p.Gap, texts(p.Messages), test.wantGap, test.want)
			}
		})
	}
}

// A publisher stalls while its epoch ends: its message comes in the new one,
// to those who never heard of the old one as well.
func TestStalledPublisherFollowsTheEpoch(t *testing.T) {
	for _, step := range []string{"allotted", "claimed"} {
		t.Run(step, func(t *testing.T) {
			server := memcachedtest.Start(t)
			cfg := Config{Servers: []string{server.Addr}}
			s, mc := openStore(t, cfg), dial(t, server)
			old := mustAppend(t, s, "c", "before")
			var fresh store.Page
			var stalled atomic.Bool
			publisher := openStepped(t, cfg, func(at string) (err error) {
				if at == step && stalled.CompareAndSwap(false, true) {
					mustDelete(t, mc, headKey("c"))
					fresh, err = s.Read(context.Background(), "c", "", 10)
				}
				return err
			})
			mustAppend(t, publisher, "c", "m")
			for name, after := range map[string]store.Page{"fresh": fresh, "old": {Cursor: old}} {
				p := mustRead(t, s, "c", after.Cursor)
				if got := texts(p.Messages); !slices.Equal(got, []string{"m"}) {
					t.Errorf("a reader with a place that is %s got %q, want the message", name, got)
				}
				if wantGap := name == "old"; p.Gap != wantGap {
					t.Errorf("a reader with a place that is %s: got gap %v, want %v", name, p.Gap, wantGap)
				}
			}
		})
	}
}

// An id is known through all gateways while its claim is there, and its message
// is put back where it stood if that alone is gone.
func TestRepeatedID(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}}
	one, two, mc := openStore(t, cfg), openStore(t, cfg), dial(t, server)
	m := newMessage("m")
	first, err := one.Append(t.Context(), "c", m)
	if err != nil {
		t.Fatal(err)
	}
	again := func(name string) {
		t.Helper()
		got, err := two.Append(t.Context(), "c", m)
		if err != nil || got != first {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, first)
		}
		if p := mustRead(t, two, "c", ""); p.Gap || len(p.Messages) != 1 {
			t.Errorf("%s: got gap %v and %d messages, want 1", name, p.Gap, len(p.Messages))
		}
	}
	again("through another gateway")
	mustDelete(t, mc, slotKey("c", numberOf(t, first)))
	again("with the message gone")
	mustDelete(t, mc, headKey("c"))
	got, err := two.Append(t.Context(), "c", m)
	if err != nil || got != first {
		t.Errorf("with the head gone: got %q, %v, want %q", got, err, first)
	}
	mustDelete(t, mc, slotKey("c", numberOf(t, first)))
	got, err = two.Append(t.Context(), "c", m)
	if err != nil || got == first {
		t.Errorf("with the head and the message gone: got %q, %v, want another place", got, err)
	}
	if p := mustRead(t, two, "c", ""); len(p.Messages) != 1 || p.Messages[0].Cursor != got {
		t.Errorf("got %d messages, want one at %q", len(p.Messages), got)
	}
}

// Numbers that a repeated id did not need are no gap to anybody.
func TestRepeatedIDLeavesNoGap(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}})
	at := mustTail(t, s, "c")
	m := newMessage("m")
	for range 10 {
		if _, err := s.Append(t.Context(), "c", m); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, s, "c", "n")
	if p := mustRead(t, s, "c", at); p.Gap || !slices.Equal(texts(p.Messages), []string{"m", "n"}) {
		t.Errorf("got gap %v and %q, want both and no gap", p.Gap, texts(p.Messages))
	}
}

// One id comes at once, many times: through one gateway, where all of them go
// along with the same exchanges, and through another.
func TestRepeatedIDAtOnce(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}}
	stores := []*Store{openStore(t, cfg), openStore(t, cfg)}
	at := mustTail(t, stores[0], "c")
	m := newMessage("m")
	cursors := make([]protocol.Cursor, 20)
	var g errgroup.Group
	for i := range cursors {
		g.Go(func() (err error) {
			cursors[i], err = stores[i%len(stores)].Append(t.Context(), "c", m)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if places := slices.Compact(cursors); len(places) != 1 {
		t.Errorf("got places %q, want one", places)
	}
	p := mustRead(t, stores[0], "c", at)
	if p.Gap || !slices.Equal(texts(p.Messages), []string{"m"}) {
		t.Errorf("got gap %v and %q, want the message and no gap", p.Gap, texts(p.Messages))
	}
}
