package memlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
)

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
