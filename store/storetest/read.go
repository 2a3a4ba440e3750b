package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func (s suite) runReading(t *testing.T) {
	t.Run("order", s.testOrder)
	t.Run("pages", s.testPages)
	t.Run("untouched channel", s.testUntouched)
	t.Run("tail", s.testTail)
	t.Run("unknown cursor", s.testUnknownCursor)
	t.Run("cancelled context", s.testCancelled)
	t.Run("ping", s.testPing)
}

func (s suite) testOrder(t *testing.T) {
	st, channel := s.start(t), newChannel()
	var want []store.Message
	for i := range 20 {
		want = append(want, mustAppend(t, st, channel, fmt.Sprint("text ", i)))
	}
	got := mustReadAll(t, st, channel, "")
	checkMessages(t, got, want)
	seen := map[protocol.Cursor]bool{}
	for i, m := range got {
		if seen[m.Cursor] {
			t.Errorf("message %d has the cursor of an earlier one, %q", i, m.Cursor)
		}
		seen[m.Cursor] = true
		checkMessages(t, mustReadAll(t, st, channel, m.Cursor), want[i+1:])
	}
}

func (s suite) testPages(t *testing.T) {
	st, channel := s.start(t), newChannel()
	var want []store.Message
	for i := range 25 {
		want = append(want, mustAppend(t, st, channel, fmt.Sprint(i)))
	}
	tests := []struct {
		name  string
		after protocol.Cursor
		limit int
		want  []store.Message
	}{
		{"first ten", "", 10, want[:10]},
		{"next ten", want[9].Cursor, 10, want[10:20]},
		{"what is left", want[19].Cursor, 10, want[20:]},
		{"nothing is left", want[24].Cursor, 10, nil},
		{"exactly what is left", want[19].Cursor, 5, want[20:]},
		{"one", want[4].Cursor, 1, want[5:6]},
		{"more than there are", "", 1000, want},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := mustRead(t, st, channel, test.after, test.limit)
			if p.Gap {
				t.Error("the page tells of a gap")
			}
			checkMessages(t, p.Messages, test.want)
		})
	}
}

func (s suite) testUntouched(t *testing.T) {
	st, channel := s.start(t), newChannel()
	p := mustRead(t, st, channel, "", 10)
	if p.Gap || len(p.Messages) != 0 {
		t.Errorf("an untouched channel: got gap %v and %d messages, want neither", p.Gap, len(p.Messages))
	}
	m := mustAppend(t, st, channel, "first")
	checkMessages(t, mustReadAll(t, st, channel, p.Cursor), []store.Message{m})
}

// testTail: what is appended after a Tail follows from it, and nothing else.
func (s suite) testTail(t *testing.T) {
	st := s.start(t)
	tests := []struct {
		name    string
		prepare func(t *testing.T, channel string)
	}{
		{"of an untouched channel", func(*testing.T, string) {}},
		{"of an empty channel", func(t *testing.T, channel string) { mustTail(t, st, channel) }},
		{"of a channel with one message", func(t *testing.T, channel string) {
			mustAppend(t, st, channel, "before")
		}},
		{"of a channel with many messages", func(t *testing.T, channel string) {
			for i := range 30 {
				mustAppend(t, st, channel, fmt.Sprint("before ", i))
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel := newChannel()
			test.prepare(t, channel)
			tail := mustTail(t, st, channel)
			p := mustRead(t, st, channel, tail, 10)
			if p.Gap || len(p.Messages) != 0 {
				t.Fatalf("right after the tail: got gap %v and %q, want neither", p.Gap, ids(p.Messages))
			}
			want := []store.Message{mustAppend(t, st, channel, "one"), mustAppend(t, st, channel, "two")}
			checkMessages(t, mustReadAll(t, st, channel, tail), want)
			checkMessages(t, mustReadAll(t, st, channel, p.Cursor), want)
			if got := mustTail(t, st, channel); got != want[1].Cursor {
				t.Errorf("tail: got %q, want the last message's %q", got, want[1].Cursor)
			}
		})
	}
}

func (s suite) testUnknownCursor(t *testing.T) {
	st, channel, elsewhere := s.start(t), newChannel(), newChannel()
	want := []store.Message{mustAppend(t, st, channel, "a"), mustAppend(t, st, channel, "b")}
	foreign := mustAppend(t, st, elsewhere, "c").Cursor
	for _, c := range []protocol.Cursor{
		foreign, "nonsense", "-", "~", "_", ".", "0", "0-0", "-.0", "-.zzzzzzzzzzzzzzzzzzzz",
		"~AAAAAAAAAAAAAAAAAAAAAA", "_g1-1.AAAAAAAA", "x.AAAAAAAA", want[0].Cursor + "x",
		protocol.Cursor(strings.Repeat("c", protocol.MaxCursor)),
	} {
		t.Run(string(c), func(t *testing.T) {
			p := mustRead(t, st, channel, c, 10)
			if !p.Gap {
				t.Errorf("Read after the unknown %q tells of no gap", c)
			}
			checkMessages(t, p.Messages, want)
			p = mustRead(t, st, channel, p.Cursor, 10)
			if p.Gap || len(p.Messages) != 0 {
				t.Errorf("reading on: got gap %v and %q, want neither", p.Gap, ids(p.Messages))
			}
		})
	}
	t.Run("in an untouched channel", func(t *testing.T) {
		untouched := newChannel()
		p := mustRead(t, st, untouched, foreign, 10)
		if !p.Gap || len(p.Messages) != 0 {
			t.Errorf("got gap %v and %q, want a gap and nothing", p.Gap, ids(p.Messages))
		}
		m := mustAppend(t, st, untouched, "first")
		checkMessages(t, mustReadAll(t, st, untouched, p.Cursor), []store.Message{m})
	})
}

func (s suite) testCancelled(t *testing.T) {
	st, channel := s.start(t), newChannel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Append": func() error { _, err := st.Append(ctx, channel, newMessage("x")); return err },
		"Read":   func() error { _, err := st.Read(ctx, channel, "", 1); return err },
		"Tail":   func() error { _, err := st.Tail(ctx, channel); return err },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: got %v, want %v", name, err, context.Canceled)
		}
	}
	checkMessages(t, mustReadAll(t, st, channel, ""), nil)
}

func (s suite) testPing(t *testing.T) {
	p, ok := s.start(t).(store.Pinger)
	if !ok {
		t.Skip("the store is no Pinger")
	}
	if err := p.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}
