package memlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
// through another one, early or after readers have closed the number.
func TestCrashWhilePublishing(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}, Grace: 20 * time.Millisecond}
	tests := []struct {
		step    string
		early   bool
		wantGap bool
	}{
		{"allotted", true, true},
		{"allotted", false, true},
		{"claimed", true, false},
		{"claimed", false, true},
		{"stored", true, false},
		{"stored", false, false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s, early %v", test.step, test.early), func(t *testing.T) {
			channel := fmt.Sprintf("%s-%v", test.step, test.early)
			crashing, s := openStepped(t, cfg, crashAt(test.step)), openStore(t, cfg)
			at := mustTail(t, s, channel)
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

// Who is behind when an epoch ends gets the rest of it first.
func TestDrain(t *testing.T) {
	server := memcachedtest.Start(t)
	s, mc := openStore(t, Config{Servers: []string{server.Addr}}), dial(t, server)
	at := mustTail(t, s, "c")
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("old ", i))
		mustAppend(t, s, "c", want[i])
	}
	mustDelete(t, mc, headKey("c"))
	mustAppend(t, s, "c", "new")
	var got []string
	for gaps := 0; ; {
		p := mustRead(t, s, "c", at)
		if p.Gap {
			if gaps++; gaps > 1 || len(got) != 100 {
				t.Fatalf("gap %d behind %d messages", gaps, len(got))
			}
		}
		if at = p.Cursor; len(p.Messages) == 0 {
			break
		}
		got = append(got, texts(p.Messages)...)
	}
	if want = append(want, "new"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Clocks that disagree begin epochs below the one before.
func TestClockGoesBack(t *testing.T) {
	server := memcachedtest.Start(t)
	late := Config{Servers: []string{server.Addr}, Clock: func() time.Time { return time.Now().Add(-time.Hour) }}
	s, mc := openStore(t, late), dial(t, server)
	at := mustTail(t, openStore(t, Config{Servers: late.Servers}), "c")
	mustAppend(t, s, "c", "old")
	mustDelete(t, mc, headKey("c"))
	mustAppend(t, s, "c", "new")
	p := mustRead(t, s, "c", at)
	if got := texts(p.Messages); p.Gap || !slices.Equal(got, []string{"old"}) {
		t.Fatalf("got gap %v and %q, want the rest of the old epoch", p.Gap, got)
	}
	p = mustRead(t, s, "c", p.Cursor)
	if got := texts(p.Messages); !p.Gap || !slices.Equal(got, []string{"new"}) {
		t.Errorf("got gap %v and %q, want a gap and the new epoch", p.Gap, got)
	}
}

// Slots that are gone are told of where they stood.
func TestEvictedSlots(t *testing.T) {
	server := memcachedtest.Start(t)
	s, mc := openStore(t, Config{Servers: []string{server.Addr}, Grace: time.Millisecond}), dial(t, server)
	tests := []struct {
		name string
		gone []int // of 200
		want []string
	}{
		{"one amid", []int{100}, []string{"0-99", "gap", "101-199"}},
		{"the newest", []int{199}, []string{"0-198", "gap"}},
		{"the oldest", []int{0}, []string{"gap", "1-199"}},
		{"two holes", []int{50, 51, 150}, []string{"0-49", "gap", "52-149", "gap", "151-199"}},
		{"a long one", numbers(20, 179), []string{"0-19", "gap", "180-199"}},
		{"all but the newest", numbers(0, 198), []string{"gap", "199-199"}},
		{"all", numbers(0, 199), []string{"gap"}},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel := fmt.Sprint("evicted-", i)
			at := mustTail(t, s, channel)
			first := numberOf(t, at) + 1
			for i := range 200 {
				mustAppend(t, s, channel, fmt.Sprint(i))
			}
			for _, i := range test.gone {
				mustDelete(t, mc, slotKey(channel, first+uint64(i)))
			}
			got := runs(t, s, channel, at)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// runs reads on to the end, and gives the first and the last text between gaps.
func runs(t *testing.T, s *Store, channel string, at protocol.Cursor) (got []string) {
	t.Helper()
	for {
		p := mustRead(t, s, channel, at)
		if p.Gap {
			got = append(got, "gap")
		}
		if n := len(p.Messages); n > 0 {
			got = append(got, string(p.Messages[0].Text)+"-"+string(p.Messages[n-1].Text))
		} else if !p.Gap {
			return got
		}
		at = p.Cursor
	}
}

func numbers(first, last int) (all []int) {
	for i := first; i <= last; i++ {
		all = append(all, i)
	}
	return all
}

// A message of another epoch under this one's number, or one that can't be
// read, stands for one that is missing.
func TestForeignSlots(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}})
	for name, value := range map[string][]byte{
		"epoch":   appendSlot(nil, 1, "id", nil),
		"version": []byte("\x02and so on"),
		"empty":   nil,
	} {
		at := mustTail(t, s, name)
		incr := &op{cmd: cmdIncr, key: headKey(name), delta: 1}
		s.mustRun(t, name, incr)
		s.mustRun(t, name, addOp(slotKey(name, incr.number), 0, 100, value))
		mustAppend(t, s, name, "m")
		if p := mustRead(t, s, name, at); !p.Gap || !slices.Equal(texts(p.Messages), []string{"m"}) {
			t.Errorf("%s: got gap %v and %q, want a gap and the message", name, p.Gap, texts(p.Messages))
		}
	}
}

// Messages as large as can be are read in several goes.
func TestLargeMessages(t *testing.T) {
	server := memcachedtest.Start(t, "-m", "256")
	s := openStore(t, Config{Servers: []string{server.Addr}})
	at := mustTail(t, s, "c")
	text := strings.Repeat("x", maxText)
	for range 80 {
		mustAppend(t, s, "c", text)
	}
	for name, after := range map[string]protocol.Cursor{"a place": at, "the oldest": ""} {
		p := mustRead(t, s, "c", after)
		if p.Gap || len(p.Messages) != 80 || string(p.Messages[79].Text) != text {
			t.Errorf("from %s: got gap %v and %d messages, want 80", name, p.Gap, len(p.Messages))
		}
	}
}

// The oldest message is found where most numbers of an epoch hold none any more.
func TestOldest(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}, Grace: time.Millisecond})
	for i, kept := range []uint64{1, 63, 64, 65, 100, 1000, 5000} {
		for _, allotted := range []uint64{kept, kept + 1, kept + 200, 3_000_000} {
			t.Run(fmt.Sprintf("%d of %d", kept, allotted), func(t *testing.T) {
				channel := fmt.Sprintf("oldest-%d-%d", i, allotted)
				h, _ := parsePlace(mustTail(t, s, channel))
				incr := &op{cmd: cmdIncr, key: headKey(channel), delta: allotted}
				s.mustRun(t, channel, incr)
				var ops []*op
				for n := incr.number - kept + 1; n <= incr.number; n++ {
					ops = append(ops, addOp(slotKey(channel, n), 0, 100, appendSlot(nil, h.epoch, "id", nil)))
				}
				s.mustRun(t, channel, ops...)
				got := 0
				at := protocol.Cursor("")
				for more := true; more; {
					p, err := s.Read(t.Context(), channel, at, 1000)
					if err != nil || p.Gap {
						t.Fatalf("Read: gap %v, %v", p.Gap, err)
					}
					got, at, more = got+len(p.Messages), p.Cursor, len(p.Messages) > 0
				}
				if got != int(kept) {
					t.Errorf("got %d messages, want %d", got, kept)
				}
			})
		}
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
