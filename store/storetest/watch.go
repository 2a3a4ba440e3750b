package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func (s suite) runWatching(t *testing.T) {
	t.Run("hint from an own append", func(t *testing.T) {
		st := s.start(t)
		s.testHints(t, st, st)
	})
	if s.shared {
		t.Run("hint from another instance", func(t *testing.T) {
			s.testHints(t, s.start(t), s.start(t))
		})
	}
	t.Run("two watchers", s.testTwoWatchers)
	t.Run("watch again", s.testWatchAgain)
	t.Run("many appenders and readers", s.testConcurrent)
}

// testHints: after each append by writer, a hint lets reader find it.
func (s suite) testHints(t *testing.T, reader, writer store.Store) {
	channel := newChannel()
	at := mustTail(t, reader, channel)
	hints := reader.Watch(t.Context(), channel)
	for i := range 50 {
		want := mustAppend(t, writer, channel, fmt.Sprint(i))
		got := awaitMessages(t, reader, channel, hints, at, 1)
		checkMessages(t, got, []store.Message{want})
		at = want.Cursor
	}
}

// awaitMessages reads after each hint until n messages are there.
func awaitMessages(t *testing.T, st store.Store, channel string, hints <-chan struct{}, at protocol.Cursor, n int) []store.Message {
	t.Helper()
	var got []store.Message
	late := time.After(patience)
	for len(got) < n {
		select {
		case _, open := <-hints:
			if !open {
				t.Fatal("the channel of hints is closed")
			}
		case <-late:
			t.Fatalf("no hint led to the messages: got %d, want %d", len(got), n)
		}
		page := mustReadAll(t, st, channel, at)
		if len(page) > 0 {
			got, at = append(got, page...), page[len(page)-1].Cursor
		}
	}
	return got
}

func (s suite) testTwoWatchers(t *testing.T) {
	st, channel := s.start(t), newChannel()
	at := mustTail(t, st, channel)
	staying := st.Watch(t.Context(), channel)
	ctx, leave := context.WithCancel(t.Context())
	leaving := st.Watch(ctx, channel)
	first := mustAppend(t, st, channel, "one")
	checkMessages(t, awaitMessages(t, st, channel, leaving, at, 1), []store.Message{first})
	checkMessages(t, awaitMessages(t, st, channel, staying, at, 1), []store.Message{first})
	leave()
	second := mustAppend(t, s.other(t, st), channel, "two")
	checkMessages(t, awaitMessages(t, st, channel, staying, first.Cursor, 1), []store.Message{second})
}

// testWatchAgain: places stay good over an end of watching.
func (s suite) testWatchAgain(t *testing.T) {
	st, channel := s.start(t), newChannel()
	writer := s.other(t, st)
	at := mustTail(t, st, channel)
	for i := range 10 {
		ctx, leave := context.WithCancel(t.Context())
		hints := st.Watch(ctx, channel)
		watched := mustAppend(t, writer, channel, fmt.Sprint("watched ", i))
		checkMessages(t, awaitMessages(t, st, channel, hints, at, 1), []store.Message{watched})
		leave()
		unwatched := mustAppend(t, writer, channel, fmt.Sprint("unwatched ", i))
		checkMessages(t, mustReadAll(t, st, channel, watched.Cursor), []store.Message{unwatched})
		at = unwatched.Cursor
	}
}

const (
	appenders = 6
	each      = 40 // messages of each appender
	readers   = 4
)

// testConcurrent: readers who follow by hints, through all instances, see one
// and the same order, with nothing lost or doubled.
func (s suite) testConcurrent(t *testing.T) {
	st, channel := s.start(t), newChannel()
	stores := []store.Store{st, s.other(t, st)}
	ctx := bounded(t)

	orders := make([][]string, readers)
	var reading errgroup.Group
	for i := range readers {
		from := stores[i%2]
		hints := from.Watch(ctx, channel)
		at := mustTail(t, from, channel)
		reading.Go(func() (err error) {
			orders[i], err = follow(ctx, from, channel, hints, at, appenders*each)
			return err
		})
	}
	var appending errgroup.Group
	var sent atomic.Int64
	for a := range appenders {
		appending.Go(func() error {
			for i := range each {
				m := newMessage(fmt.Sprintf("%d-%d", a, i))
				if _, err := stores[a%2].Append(ctx, channel, m); err != nil {
					return fmt.Errorf("append %d of %d: %w", i, a, err)
				}
				sent.Add(1)
			}
			return nil
		})
	}
	if err := appending.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := reading.Wait(); err != nil {
		t.Fatalf("%v; %d were sent", err, sent.Load())
	}
	checkOrders(t, orders)
}

func checkOrders(t *testing.T, orders [][]string) {
	t.Helper()
	for i, order := range orders {
		if !slices.Equal(order, orders[0]) {
			t.Fatalf("reader %d saw another order:\n got %q\nwant %q", i, order, orders[0])
		}
	}
	next := make([]int, appenders)
	for _, text := range orders[0] {
		var a, i int
		if _, err := fmt.Sscanf(text, "%d-%d", &a, &i); err != nil {
			t.Fatalf("text %q: %v", text, err)
		}
		if i != next[a] {
			t.Fatalf("of appender %d: got its message %d, want %d", a, i, next[a])
		}
		next[a]++
	}
}

// follow reads the texts of n messages, in small pages, as hints come.
func follow(ctx context.Context, st store.Store, channel string, hints <-chan struct{}, at protocol.Cursor, n int) ([]string, error) {
	var texts []string
	for len(texts) < n {
		select {
		case <-hints:
		case <-ctx.Done():
			return nil, fmt.Errorf("reader has %d of %d messages: %w", len(texts), n, ctx.Err())
		}
		for more := true; more; {
			p, err := st.Read(ctx, channel, at, 7)
			if err != nil {
				return nil, err
			}
			if p.Gap {
				return nil, errors.New("a gap where nothing was lost")
			}
			for _, m := range p.Messages {
				texts = append(texts, string(m.Text))
			}
			at, more = p.Cursor, len(p.Messages) == 7
		}
	}
	if len(texts) > n {
		return nil, fmt.Errorf("%d messages instead of %d: %q", len(texts), n, texts)
	}
	return texts, nil
}
