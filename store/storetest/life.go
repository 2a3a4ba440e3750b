package storetest

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func (s suite) testClose(t *testing.T) {
	st, channel := s.start(t), newChannel()
	hints := st.Watch(t.Context(), channel)
	mustAppend(t, st, channel, "x")
	if err := st.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	calls := map[string]func() error{
		"Append": func() error { _, err := st.Append(t.Context(), channel, newMessage("x")); return err },
		"Read":   func() error { _, err := st.Read(t.Context(), channel, "", 1); return err },
		"Tail":   func() error { _, err := st.Tail(t.Context(), channel); return err },
	}
	if p, ok := st.(store.Pinger); ok {
		calls["Ping"] = func() error { return p.Ping(t.Context()) }
	}
	if cc, ok := st.(store.ClientCursors); ok {
		calls["ClientCursor"] = func() error { _, err := cc.ClientCursor(t.Context(), channel, "bob"); return err }
		calls["SetClientCursor"] = func() error { return cc.SetClientCursor(t.Context(), channel, "bob", "x") }
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close: got %v, want %v", name, err, store.ErrClosed)
		}
	}
	if c := st.Watch(t.Context(), channel); c == nil {
		t.Error("Watch after Close gave a nil channel")
	}
	for range 2 { // a hint from before may still be there
		select {
		case _, open := <-hints:
			if !open {
				t.Error("Close closed the channel of hints")
			}
		default:
		}
	}
}

// testCloseInUse: whoever is within a call gets its result or ErrClosed.
func (s suite) testCloseInUse(t *testing.T) {
	for range 5 {
		st, channel := s.start(t), newChannel()
		var g errgroup.Group
		started := make(chan struct{}, 4)
		for range cap(started) {
			g.Go(func() error {
				for i := 0; ; i++ {
					st.Watch(t.Context(), channel)
					_, err := st.Append(t.Context(), channel, newMessage(fmt.Sprint(i)))
					if err == nil {
						_, err = st.Read(t.Context(), channel, "", 10)
					}
					if i == 0 {
						started <- struct{}{}
					}
					if err != nil {
						return err
					}
				}
			})
		}
		for range cap(started) {
			<-started
		}
		if err := st.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := g.Wait(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("a call while closing: got %v, want %v", err, store.ErrClosed)
		}
	}
}

func (s suite) testTwoInstances(t *testing.T) {
	one, two, channel := s.start(t), s.start(t), newChannel()
	tail := mustTail(t, one, channel)
	var want []store.Message
	for i := range 10 {
		want = append(want, mustAppend(t, []store.Store{one, two}[i%2], channel, fmt.Sprint(i)))
	}
	checkMessages(t, mustReadAll(t, one, channel, ""), want)
	checkMessages(t, mustReadAll(t, two, channel, ""), want)
	checkMessages(t, mustReadAll(t, two, channel, tail), want)
	for i, m := range want {
		checkMessages(t, mustReadAll(t, []store.Store{two, one}[i%2], channel, m.Cursor), want[i+1:])
	}
	if a, b := mustTail(t, one, channel), mustTail(t, two, channel); a != b {
		t.Errorf("tails of two instances: %q and %q", a, b)
	}
	again, err := two.Append(t.Context(), channel, store.Message{ID: want[0].ID, Text: []byte("another text")})
	if err != nil || again != want[0].Cursor {
		t.Errorf("an id repeated through the other instance: got %q, %v, want %q", again, err, want[0].Cursor)
	}
	checkMessages(t, mustReadAll(t, one, channel, ""), want)
	later := s.start(t)
	checkMessages(t, mustReadAll(t, later, channel, want[4].Cursor), want[5:])
}

func (s suite) runClientCursors(t *testing.T) {
	t.Run("client cursors", func(t *testing.T) {
		st := s.start(t)
		if _, ok := st.(store.ClientCursors); !ok {
			t.Fatal("the store keeps no client cursors")
		}
		t.Run("none", func(t *testing.T) {
			checkClientAt(t, st, newChannel(), "alice", "")
			channel := newChannel()
			mustAppend(t, st, channel, "x")
			checkClientAt(t, st, channel, "alice", "")
		})
		t.Run("set in an untouched channel", func(t *testing.T) {
			s.testClientCursor(t, st, 0)
		})
		t.Run("set behind messages", func(t *testing.T) {
			s.testClientCursor(t, st, 5)
		})
		t.Run("of several clients", s.testClients)
	})
}

// testClientCursor sets a client's place to the tail behind so many messages,
// and moves it on.
func (s suite) testClientCursor(t *testing.T, st store.Store, before int) {
	channel, elsewhere := newChannel(), s.other(t, st)
	for i := range before {
		mustAppend(t, st, channel, fmt.Sprint("before ", i))
	}
	setClient(t, st, channel, "alice", mustTail(t, st, channel))
	checkMessages(t, mustReadAll(t, st, channel, clientAt(t, st, channel, "alice")), nil)
	want := []store.Message{
		mustAppend(t, st, channel, "one"), mustAppend(t, st, channel, "two"), mustAppend(t, st, channel, "three"),
	}
	checkMessages(t, mustReadAll(t, st, channel, clientAt(t, st, channel, "alice")), want)
	checkMessages(t, mustReadAll(t, elsewhere, channel, clientAt(t, elsewhere, channel, "alice")), want)

	setClient(t, elsewhere, channel, "alice", want[1].Cursor)
	checkMessages(t, mustReadAll(t, st, channel, clientAt(t, st, channel, "alice")), want[2:])
	setClient(t, st, channel, "alice", want[2].Cursor)
	checkMessages(t, mustReadAll(t, st, channel, clientAt(t, st, channel, "alice")), nil)
	checkMessages(t, mustReadAll(t, st, channel, want[0].Cursor), want[1:])
	checkClientAt(t, st, channel, "bob", "")
}

func (s suite) testClients(t *testing.T) {
	st, channel := s.start(t), newChannel()
	names := []string{"alice", "bob", "483920", "7", "_x", "a/b", `q"u\ote`, "lastID", "ünï", "client_6b0378e284a91"}
	want := map[string][]store.Message{}
	for i, name := range names {
		setClient(t, st, channel, name, mustTail(t, st, channel))
		want[name] = nil
		m := mustAppend(t, st, channel, fmt.Sprint(i))
		for _, earlier := range names[:i+1] {
			want[earlier] = append(want[earlier], m)
		}
	}
	for _, name := range names {
		checkMessages(t, mustReadAll(t, st, channel, clientAt(t, st, channel, name)), want[name])
	}
	checkMessages(t, mustReadAll(t, st, channel, ""), want[names[0]])
}

func clientAt(t *testing.T, st store.Store, channel, client string) protocol.Cursor {
	t.Helper()
	c, err := st.(store.ClientCursors).ClientCursor(t.Context(), channel, client)
	if err != nil {
		t.Fatalf("ClientCursor of %q: %v", client, err)
	}
	if c == "" {
		t.Fatalf("ClientCursor of %q is not known", client)
	}
	return c
}

func checkClientAt(t *testing.T, st store.Store, channel, client string, want protocol.Cursor) {
	t.Helper()
	got, err := st.(store.ClientCursors).ClientCursor(t.Context(), channel, client)
	if err != nil || got != want {
		t.Errorf("ClientCursor of %q: got %q, %v, want %q", client, got, err, want)
	}
}

func setClient(t *testing.T, st store.Store, channel, client string, c protocol.Cursor) {
	t.Helper()
	if err := st.(store.ClientCursors).SetClientCursor(t.Context(), channel, client, c); err != nil {
		t.Fatalf("SetClientCursor of %q to %q: %v", client, c, err)
	}
}
