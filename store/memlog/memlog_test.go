package memlog

import (
	"testing"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

func TestConformance(t *testing.T) {
	one, two, three := memcachedtest.Start(t), memcachedtest.Start(t), memcachedtest.Start(t)
	mute := memcachedtest.Start(t, "-W")
	tests := []struct {
		name string
		cfg  Config
	}{
		{"by events", Config{Servers: []string{one.Addr}}},
		{"by polling", Config{Servers: []string{one.Addr}, NoEvents: true}},
		{"refused to watch", Config{Servers: []string{mute.Addr}}},
		{"three servers", Config{Servers: []string{one.Addr, two.Addr, three.Addr}}},
		{"a short history", Config{Servers: []string{one.Addr}, History: 20 * time.Second}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store { return openStore(t, test.cfg) })
		})
	}
}

// openStore opens a store that ends with t.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	return openStepped(t, cfg, nil)
}

func openStepped(t testing.TB, cfg Config, step func(string) error) *Store {
	t.Helper()
	s, err := open(cfg, step)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newMessage(text string) store.Message {
	return store.Message{ID: protocol.NewMessageID(time.Now()), Text: []byte(text)}
}

func mustAppend(t testing.TB, s *Store, channel, text string) protocol.Cursor {
	t.Helper()
	c, err := s.Append(t.Context(), channel, newMessage(text))
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return c
}

func mustRead(t testing.TB, s *Store, channel string, after protocol.Cursor) store.Page {
	t.Helper()
	p, err := s.Read(t.Context(), channel, after, 10_000)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return p
}

func mustTail(t testing.TB, s *Store, channel string) protocol.Cursor {
	t.Helper()
	c, err := s.Tail(t.Context(), channel)
	if err != nil {
		t.Fatalf("Tail: %v", err)
	}
	return c
}

// dial gives another program's way to memcached.
func dial(t testing.TB, server *memcachedtest.Server) *gomemcache.Client {
	t.Helper()
	c := gomemcache.New(server.Addr)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// mustDelete removes keys, as an eviction would.
func mustDelete(t testing.TB, c *gomemcache.Client, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := c.Delete(key); err != nil {
			t.Fatalf("delete %q: %v", key, err)
		}
	}
}

// mustRun runs commands on the channel's server as another program would.
func (s *Store) mustRun(t testing.TB, channel string, ops ...*op) {
	t.Helper()
	if err := s.server(nameOf(channel)).run(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
}

func texts(ms []store.Message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, string(m.Text))
	}
	return out
}

// await waits for hints until done says so.
func await(t testing.TB, hints <-chan struct{}, done func() bool) {
	t.Helper()
	late := time.After(patience)
	for !done() {
		select {
		case <-hints:
		case <-late:
			t.Fatal("what was waited for did not come")
		}
	}
}

// awaitHinted is await, but looks only behind a hint.
func awaitHinted(t testing.TB, hints <-chan struct{}, done func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case <-hints:
		case <-late:
			t.Fatal("no hint led to what was waited for")
		}
		if done() {
			return
		}
	}
}

func numberOf(t testing.TB, c protocol.Cursor) uint64 {
	t.Helper()
	p, ok := parsePlace(c)
	if !ok {
		t.Fatalf("cursor %q is none of ours", c)
	}
	return p.n
}
