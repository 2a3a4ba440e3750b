package memory_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg memory.Config) *memory.Store {
	t.Helper()
	s, err := memory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func add(t *testing.T, s *memory.Store, channel, id, text string) protocol.Cursor {
	t.Helper()
	c, err := s.Append(t.Context(), channel, store.Message{ID: id, Text: []byte(text)})
	if err != nil {
		t.Fatalf("Append of %q to %q: %v", id, channel, err)
	}
	return c
}

// checkRead wants the ids after a place in one page.
func checkRead(t *testing.T, s *memory.Store, channel string, after protocol.Cursor, wantGap bool, want ...string) {
	t.Helper()
	p, err := s.Read(t.Context(), channel, after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range p.Messages {
		got = append(got, m.ID)
	}
	if p.Gap != wantGap || !slices.Equal(got, want) {
		t.Errorf("Read of %q after %q: got gap %v and %q, want gap %v and %q", channel, after, p.Gap, got, wantGap, want)
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, memory.Config{}) }, storetest.Alone)
}

func TestNegativeBoundIsRefused(t *testing.T) {
	for _, cfg := range []memory.Config{{MaxMessages: -1}, {MaxBytes: -1}, {MaxAge: -1}, {MaxChannels: -1}, {MaxClients: -1}} {
		if s, err := memory.New(cfg); err == nil {
			s.Close()
			t.Errorf("New(%+v) gave no error", cfg)
		}
	}
}

func TestMessagesAreBoundedByCount(t *testing.T) {
	s := open(t, memory.Config{MaxMessages: 3})
	var at []protocol.Cursor
	for i := range 5 {
		at = append(at, add(t, s, "c", fmt.Sprint("m", i), "x"))
	}
	checkRead(t, s, "c", "", false, "m2", "m3", "m4")
	checkRead(t, s, "c", at[0], true, "m2", "m3", "m4")
	checkRead(t, s, "c", at[1], false, "m2", "m3", "m4") // nothing between is missing
	checkRead(t, s, "c", at[3], false, "m4")
}

func TestMessagesAreBoundedByBytes(t *testing.T) {
	s := open(t, memory.Config{MaxBytes: 10})
	add(t, s, "c", "a", "12345")
	b := add(t, s, "c", "b", "12345")
	checkRead(t, s, "c", "", false, "a", "b")
	add(t, s, "c", "c", "1")
	checkRead(t, s, "c", "", false, "b", "c")
	add(t, s, "c", "d", strings.Repeat("x", 10))
	checkRead(t, s, "c", "", false, "d")
	checkRead(t, s, "c", b, true, "d")
	_, err := s.Append(t.Context(), "c", store.Message{ID: "e", Text: []byte(strings.Repeat("x", 11))})
	if !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a message beyond the bound: got %v, want %v", err, store.ErrTooLarge)
	}
	checkRead(t, s, "c", "", false, "d")
}

func TestMessagesAreBoundedByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Config{MaxAge: time.Minute})
		a := add(t, s, "c", "a", "x")
		time.Sleep(30 * time.Second)
		b := add(t, s, "c", "b", "x")
		time.Sleep(30*time.Second - 1)
		checkRead(t, s, "c", "", false, "a", "b")
		time.Sleep(time.Nanosecond)
		checkRead(t, s, "c", "", false, "b")
		checkRead(t, s, "c", a, false, "b")
		time.Sleep(time.Hour)
		checkRead(t, s, "c", "", false)
		checkRead(t, s, "c", b, false)
		checkRead(t, s, "c", a, true)
		add(t, s, "c", "d", "x")
		checkRead(t, s, "c", b, false, "d")
	})
}

// A message's age counts from its append: an id that claims a time long ago
// or to come changes nothing.
func TestAgeIsNotTakenFromTheID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Config{MaxAge: time.Minute})
		old, future := protocol.NewMessageID(time.Unix(1, 0)), protocol.NewMessageID(time.Now().AddDate(50, 0, 0))
		add(t, s, "c", old, "x")
		add(t, s, "c", future, "x")
		add(t, s, "c", "plain", "x")
		checkRead(t, s, "c", "", false, old, future, "plain")
		p, err := s.Read(t.Context(), "c", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.Messages[0].Time, int64(1000); got != want {
			t.Errorf("time of an id with one: got %d, want %d", got, want)
		}
		if got, want := p.Messages[2].Time, time.Now().UnixMilli(); got != want {
			t.Errorf("time of an id without one: got %d, want %d", got, want)
		}
		time.Sleep(time.Minute)
		checkRead(t, s, "c", "", false)
	})
}

func TestIDsAreKnownForTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Config{MaxMessages: 2, MaxAge: time.Second})
		first := add(t, s, "c", "a", "x")
		add(t, s, "c", "b", "x")
		add(t, s, "c", "d", "x")
		time.Sleep(2*time.Minute - 1)
		if got := add(t, s, "c", "a", "x"); got != first {
			t.Errorf("place of an id repeated within two minutes: got %q, want %q", got, first)
		}
		checkRead(t, s, "c", "", false)
		time.Sleep(time.Nanosecond)
		if got := add(t, s, "c", "a", "x"); got == first {
			t.Errorf("an id repeated after two minutes got its old place %q", got)
		}
		checkRead(t, s, "c", "", false, "a")
	})
}

func TestTheOldestUnwatchedChannelGoes(t *testing.T) {
	s := open(t, memory.Config{MaxChannels: 3})
	s.Watch(t.Context(), "watched")
	s.Watch(t.Context(), "never written to") // takes no room
	watched := add(t, s, "watched", "w", "x")
	old := add(t, s, "old", "o", "x")
	add(t, s, "used again", "u", "x")
	add(t, s, "old", "o2", "x")
	newer := add(t, s, "new", "n", "x") // takes the place of "used again"
	checkRead(t, s, "used again", "", false)
	checkRead(t, s, "watched", "", false, "w")
	checkRead(t, s, "old", old, false, "o2")
	checkRead(t, s, "new", "", false, "n")

	add(t, s, "newest", "n", "x") // takes the place of "old"
	checkRead(t, s, "old", old, true)
	add(t, s, "old", "o3", "x") // and that of "new"
	checkRead(t, s, "old", old, true, "o3")
	checkRead(t, s, "new", newer, true)
	checkRead(t, s, "watched", watched, false)
}

func TestAllChannelsWatchedIsFull(t *testing.T) {
	s := open(t, memory.Config{MaxChannels: 2})
	s.Watch(t.Context(), "a")
	s.Watch(t.Context(), "b")
	add(t, s, "a", "m", "x")
	add(t, s, "b", "m", "x")
	_, err := s.Append(t.Context(), "c", store.Message{ID: "m"})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("a channel too many: got %v, want %v", err, store.ErrFull)
	}
	add(t, s, "a", "m2", "x")
}

func TestPlacesOfAnotherProcessAreGaps(t *testing.T) {
	before, after := open(t, memory.Config{}), open(t, memory.Config{})
	c := add(t, before, "c", "m", "x")
	tail, err := before.Tail(t.Context(), "untouched")
	if err != nil {
		t.Fatal(err)
	}
	add(t, after, "c", "n", "x")
	checkRead(t, after, "c", c, true, "n")
	checkRead(t, after, "untouched", tail, true)
}

func TestPlacesBeforeAnEvictionAreGapsOrGood(t *testing.T) {
	s := open(t, memory.Config{MaxChannels: 1})
	tail, err := s.Tail(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, "c", "m1", "x")
	checkRead(t, s, "c", tail, false, "m1")
	add(t, s, "other", "m", "x")
	checkRead(t, s, "c", tail, true) // m1 was there in between
	add(t, s, "c", "m2", "x")
	checkRead(t, s, "c", tail, true, "m2")
}

func TestClientsAreBounded(t *testing.T) {
	s := open(t, memory.Config{MaxClients: 2})
	at := func(client string) protocol.Cursor {
		t.Helper()
		c, err := s.ClientCursor(t.Context(), "c", client)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, client := range []string{"alice", "bob"} {
		if err := s.SetClientCursor(t.Context(), "c", client, protocol.Cursor(client)); err != nil {
			t.Fatal(err)
		}
	}
	if got := at("alice"); got != "alice" {
		t.Errorf("got %q, want alice's place", got)
	}
	if err := s.SetClientCursor(t.Context(), "c", "carol", "carol"); err != nil {
		t.Fatal(err)
	}
	if got := at("bob"); got != "" {
		t.Errorf("the client that was used longest ago: got %q, want none", got)
	}
	if got := at("alice"); got != "alice" {
		t.Errorf("got %q, want alice's place", got)
	}
}

// The sweeper drops what nobody reads: the ids and texts of an idle channel.
func TestIdleChannelsAreSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, memory.Config{MaxAge: time.Minute})
		add(t, s, "c", "m", "text")
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := memory.BytesHeld(s); got != 0 {
			t.Errorf("after its age an unread message still holds %d bytes", got)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	s, err := memory.New(memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	text := []byte(strings.Repeat("x", 128))
	for i := 0; b.Loop(); i++ {
		if _, err := s.Append(b.Context(), "c", store.Message{ID: fmt.Sprintf("m%d", i), Text: text}); err != nil {
			b.Fatal(err)
		}
	}
}
