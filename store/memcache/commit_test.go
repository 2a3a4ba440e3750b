package memcache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// An appending is an Append that goes on.
type appending struct {
	id     string
	done   chan struct{}
	place  protocol.Cursor // once done
	err    error
	cancel context.CancelFunc
}

// begin starts an Append to channel "c". It waits there when begin returns.
func begin(t *testing.T, s *Store, m store.Message) *appending {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	a := &appending{id: m.ID, done: make(chan struct{}), cancel: cancel}
	n := waitingFor(s, "c")
	go func() {
		defer close(a.done)
		defer cancel()
		a.place, a.err = s.Append(ctx, "c", m)
	}()
	for late := time.Now().Add(20 * time.Second); waitingFor(s, "c") == n; <-time.After(50 * time.Microsecond) {
		if time.Now().After(late) {
			t.Fatalf("Append of %q does not wait", m.ID)
		}
	}
	return a
}

func waitingFor(s *Store, channel string) int {
	s.queues.mu.Lock()
	defer s.queues.mu.Unlock()
	if q := s.queues.of[channel]; q != nil {
		return len(q.waiting)
	}
	return 0
}

// wait gives the result.
func (a *appending) wait(t *testing.T) (protocol.Cursor, error) {
	t.Helper()
	select {
	case <-a.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("Append of %q does not end", a.id)
	}
	return a.place, a.err
}

// beginAll starts Appends of messages whose text is their id, in this order.
func beginAll(t *testing.T, s *Store, ids ...string) []*appending {
	t.Helper()
	var as []*appending
	for _, id := range ids {
		as = append(as, begin(t, s, store.Message{ID: id, Text: []byte(id)}))
	}
	return as
}

// numbered is n ids.
func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint("m", i)
	}
	return ids
}

func release(t *testing.T, c *gomemcache.Client) {
	t.Helper()
	if err := c.Delete("channel_lock_c"); err != nil {
		t.Fatal(err)
	}
}

func checkTexts(t *testing.T, s *Store, want ...string) {
	t.Helper()
	if got := texts(mustRead(t, s, "c", "").Messages); !slices.Equal(got, want) {
		t.Errorf("in the channel:\n got %.200q\nwant %.200q", got, want)
	}
}

// counters are memcached's: of documents written over others, and of locks
// given back.
func counters(t *testing.T, server *memcachedtest.Server) (writes, unlocks int) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", server.Addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprint(conn, "stats\r\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() && lines.Text() != "END" {
		_, _ = fmt.Sscanf(lines.Text(), "STAT cas_hits %d", &writes)
		_, _ = fmt.Sscanf(lines.Text(), "STAT delete_hits %d", &unlocks)
	}
	if lines.Text() != "END" {
		t.Fatalf("memcached's counters end with %q, %v", lines.Text(), lines.Err())
	}
	return writes, unlocks
}

func TestAppendsThatWaitAreWrittenTogether(t *testing.T) {
	tests := []struct {
		name   string
		sizes  []int // of the texts, in bytes
		writes int
	}{
		{"one", []int{1}, 1},
		{"as many as may", slices.Repeat([]int{1}, maxBatch), 1},
		{"one more", slices.Repeat([]int{1}, maxBatch+1), 2},
		{"beyond the bytes", []int{200 << 10, 200 << 10, 200 << 10, 1}, 2},
		{"one beyond the bytes", []int{1, 1, maxBatchBytes, 1, 1}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := memcachedtest.Start(t)
			c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
			mustAppend(t, s, "c", "first")
			holdLock(t, c, "c", 60)
			want := []string{"first"}
			var as []*appending
			for i, size := range test.sizes {
				text := fmt.Sprint(i, " ", strings.Repeat("x", size))
				want = append(want, text)
				as = append(as, begin(t, s, store.Message{ID: fmt.Sprint("m", i), Text: []byte(text)}))
			}
			writes, unlocks := counters(t, server)
			release(t, c)
			for _, a := range as {
				if _, err := a.wait(t); err != nil {
					t.Fatalf("Append of %q: %v", a.id, err)
				}
			}
			writesAfter, unlocksAfter := counters(t, server)
			if got := writesAfter - writes; got != test.writes {
				t.Errorf("got %d writes, want %d", got, test.writes)
			}
			if got := unlocksAfter - unlocks - 1; got != test.writes { // 1: the test's own
				t.Errorf("the lock was taken %d times, want %d", got, test.writes)
			}
			checkTexts(t, s, want...)
			for i, m := range mustRead(t, s, "c", "").Messages[1:] {
				if as[i].place != m.Cursor {
					t.Errorf("place of %q: got %q, want %q", m.ID, as[i].place, m.Cursor)
				}
			}
		})
	}
}

// Nobody holds anything up here: what is written together is what came while
// the write before went on.
func TestConcurrentAppends(t *testing.T) {
	const appenders, each = 64, 10
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Addr: server.Addr})
	mustAppend(t, s, "c", "first 0")
	_, before := counters(t, server)
	var g errgroup.Group
	for i := range appenders {
		g.Go(func() error { return appendHere(t.Context(), s, fmt.Sprint(i, " "), each) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	_, after := counters(t, server)
	if cycles := after - before; cycles > appenders*each/4 {
		t.Errorf("the lock was taken %d times for %d messages", cycles, appenders*each)
	}
	next := map[string]int{"first": 0}
	got := texts(mustRead(t, s, "c", "").Messages)
	for _, text := range got {
		who, n, _ := strings.Cut(text, " ")
		if fmt.Sprint(next[who]) != n {
			t.Errorf("appender %s: got message %s, want %d", who, n, next[who])
		}
		next[who]++
	}
	if want := appenders*each + 1; len(got) != want {
		t.Errorf("got %d messages, want %d", len(got), want)
	}
}

func TestRepeatedIDsThatWaitTogether(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	holdLock(t, c, "c", 60)
	as := beginAll(t, s, "a", "b", "a", "b", "a")
	again := begin(t, s, store.Message{ID: "a", Text: []byte("another text")})
	release(t, c)
	places := map[string]protocol.Cursor{}
	for _, a := range append(as, again) {
		place, err := a.wait(t)
		if err != nil {
			t.Fatalf("Append of %q: %v", a.id, err)
		}
		if first, ok := places[a.id]; ok && place != first {
			t.Errorf("Append of %q again: got %q, want %q", a.id, place, first)
		}
		places[a.id] = place
	}
	checkTexts(t, s, "a", "b")
	if p := mustRead(t, s, "c", places["a"]); p.Gap || !slices.Equal(texts(p.Messages), []string{"b"}) {
		t.Errorf("behind the first: got gap %v and %q", p.Gap, texts(p.Messages))
	}
}

func TestOneTooLargeAmongOthers(t *testing.T) {
	tests := []struct {
		name   string
		args   []string // memcached's
		before int      // bytes in the channel
		large  int
	}{
		{"by itself", nil, 1, 1300 << 10},
		{"with what is there", nil, 800 << 10, 500 << 10},
		{"for the server", []string{"-I", "512k"}, 300 << 10, 450 << 10},
	}
	for _, test := range tests {
		for _, at := range []int{0, 5, 20} {
			t.Run(fmt.Sprint(test.name, " at ", at), func(t *testing.T) {
				server := memcachedtest.Start(t, test.args...)
				now := time.Now() // stands: on a busy machine nobody loses patience
				c, s := dial(t, server), openStore(t, Config{Addr: server.Addr, Clock: func() time.Time { return now }})
				first := noise(test.before)
				mustAppend(t, s, "c", first)
				holdLock(t, c, "c", 60)
				ids := numbered(20)
				as := beginAll(t, s, ids[:at]...)
				large := begin(t, s, store.Message{ID: "large", Text: []byte(noise(test.large))})
				as = append(as, beginAll(t, s, ids[at:]...)...)
				release(t, c)
				if _, err := large.wait(t); !errors.Is(err, store.ErrTooLarge) {
					t.Errorf("the large one: got %v, want %v", err, store.ErrTooLarge)
				}
				for _, a := range as {
					if _, err := a.wait(t); err != nil {
						t.Errorf("Append of %q: %v", a.id, err)
					}
				}
				checkTexts(t, s, append([]string{first}, ids...)...)
			})
		}
	}
}

func TestOneThatGivesUpAmongOthers(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	holdLock(t, c, "c", 60)
	as := beginAll(t, s, numbered(5)...)
	for _, i := range []int{0, 2} { // the first has made the writer begin
		as[i].cancel()
		if _, err := as[i].wait(t); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
	if !isLocked(t, c, "c") {
		t.Error("another's lock was taken away")
	}
	release(t, c)
	for _, i := range []int{1, 3, 4} {
		if _, err := as[i].wait(t); err != nil {
			t.Errorf("Append of %q: %v", as[i].id, err)
		}
	}
	checkTexts(t, s, "m1", "m3", "m4")
}

// Clients' places go with the messages.
func TestPlacesAndMessagesTogether(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	at := mustAppend(t, s, "c", "first")
	mustAppend(t, s, "c", "second")
	holdLock(t, c, "c", 60)
	as := beginAll(t, s, "third")
	var g errgroup.Group
	g.Go(func() error { return s.SetClientCursor(t.Context(), "c", "alice", at) })
	for waitingFor(s, "c") < 2 {
		<-time.After(50 * time.Microsecond)
	}
	as = append(as, beginAll(t, s, "fourth")...)
	before, _ := counters(t, server)
	release(t, c)
	for _, a := range as {
		if _, err := a.wait(t); err != nil {
			t.Errorf("Append of %q: %v", a.id, err)
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if after, _ := counters(t, server); after-before != 1 {
		t.Errorf("got %d writes, want 1", after-before)
	}
	checkTexts(t, s, "first", "second", "third", "fourth")
	if got, err := s.ClientCursor(t.Context(), "c", "alice"); err != nil || got != at {
		t.Errorf("alice's place: got %q, %v, want %q", got, err, at)
	}
}
