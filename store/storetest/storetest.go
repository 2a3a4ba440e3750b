// Package storetest holds the contract of stores as tests. Every store runs
// the same suite, against the real server where it has one:
//
//	storetest.Run(t, func(t *testing.T) store.Store { return open(t) })
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// A Lack is something that a store does not have.
type Lack int

const (
	// Alone: each instance keeps its own messages; no server is shared.
	Alone Lack = iota + 1
	// NoClientCursors: the store is no store.ClientCursors.
	NoClientCursors
)

// Run tests a store. Each call of open gives a new instance; all of them share
// one server unless the store lacks that. Run closes them.
func Run(t *testing.T, open func(t *testing.T) store.Store, lacks ...Lack) {
	s := suite{open: open, shared: !slices.Contains(lacks, Alone)}
	s.runReading(t)
	s.runAppending(t)
	s.runWatching(t)
	t.Run("close", s.testClose)
	t.Run("close while in use", s.testCloseInUse)
	if s.shared {
		t.Run("two instances", s.testTwoInstances)
	}
	if !slices.Contains(lacks, NoClientCursors) {
		s.runClientCursors(t)
	}
}

type suite struct {
	open   func(t *testing.T) store.Store
	shared bool
}

// start opens an instance that ends with t.
func (s suite) start(t *testing.T) store.Store {
	t.Helper()
	st := s.open(t)
	t.Cleanup(func() {
		if err := st.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return st
}

// other gives a further instance on st's server, or st where it is alone.
func (s suite) other(t *testing.T, st store.Store) store.Store {
	t.Helper()
	if !s.shared {
		return st
	}
	return s.start(t)
}

// newChannel makes a name that no other test uses.
func newChannel() string { return "test-" + rand.Text() }

func newMessage(text string) store.Message {
	return store.Message{ID: protocol.NewMessageID(time.Now()), Text: []byte(text)}
}

// mustAppend appends text under a new id and returns the message as Read must
// give it.
func mustAppend(t *testing.T, st store.Store, channel, text string) store.Message {
	t.Helper()
	m := newMessage(text)
	c, err := st.Append(t.Context(), channel, m)
	if err != nil {
		t.Fatalf("Append to %q: %v", channel, err)
	}
	m.Cursor, m.Time = c, protocol.MessageTime(m.ID)
	return m
}

// mustRead reads one page.
func mustRead(t *testing.T, st store.Store, channel string, after protocol.Cursor, limit int) store.Page {
	t.Helper()
	p, err := st.Read(t.Context(), channel, after, limit)
	if err != nil {
		t.Fatalf("Read of %q after %q: %v", channel, after, err)
	}
	checkPage(t, p, limit)
	return p
}

// checkPage looks at what every page must keep.
func checkPage(t *testing.T, p store.Page, limit int) {
	t.Helper()
	if err := protocol.CheckCursor(p.Cursor); err != nil {
		t.Errorf("page cursor %q: %v", p.Cursor, err)
	}
	if len(p.Messages) > limit {
		t.Errorf("page has %d messages, the limit is %d", len(p.Messages), limit)
	}
	if n := len(p.Messages); n > 0 && p.Messages[n-1].Cursor != p.Cursor {
		t.Errorf("page cursor: got %q, want the last message's %q", p.Cursor, p.Messages[n-1].Cursor)
	}
	for _, m := range p.Messages {
		if err := protocol.CheckCursor(m.Cursor); err != nil {
			t.Errorf("cursor %q of message %q: %v", m.Cursor, m.ID, err)
		}
	}
}

// mustReadAll reads everything after a place, in pages, and wants no gap.
func mustReadAll(t *testing.T, st store.Store, channel string, after protocol.Cursor) []store.Message {
	t.Helper()
	var all []store.Message
	for {
		p := mustRead(t, st, channel, after, 50)
		if p.Gap {
			t.Errorf("Read of %q after %q tells of a gap", channel, after)
		}
		all, after = append(all, p.Messages...), p.Cursor
		if len(p.Messages) == 0 {
			return all
		}
	}
}

func mustTail(t *testing.T, st store.Store, channel string) protocol.Cursor {
	t.Helper()
	c, err := st.Tail(t.Context(), channel)
	if err != nil {
		t.Fatalf("Tail of %q: %v", channel, err)
	}
	if err := protocol.CheckCursor(c); err != nil {
		t.Fatalf("Tail of %q gave %q: %v", channel, c, err)
	}
	return c
}

// checkMessages compares all that a message has.
func checkMessages(t *testing.T, got, want []store.Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d messages %q, want %d %q", len(got), ids(got), len(want), ids(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.ID != w.ID || string(g.Text) != string(w.Text) || g.Time != w.Time || g.Cursor != w.Cursor {
			t.Fatalf("message %d:\n got %q %q time %d cursor %q\nwant %q %q time %d cursor %q",
				i, g.ID, g.Text, g.Time, g.Cursor, w.ID, w.Text, w.Time, w.Cursor)
		}
	}
}

func ids(ms []store.Message) []string {
	out := make([]string, 0, len(ms))
	for _, m := range ms {
		out = append(out, m.ID)
	}
	return out
}

// bounded is a context for goroutines that wait; it ends the wait, not the
// test.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
