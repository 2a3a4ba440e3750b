package memcache

import (
	"cmp"
	"net"
	"strconv"
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

// Versions from which on memcached can do something.
var (
	watching = memcachedtest.Version{Minor: 5, Patch: 20} // for earlier ones see mcwire
	meta     = memcachedtest.Version{Minor: 6, Patch: 0}
)

// What a server has a part in, with each version of memcached there is.
func TestEachVersion(t *testing.T) {
	memcachedtest.Each(t, map[string]func(*testing.T, memcachedtest.Version){
		"CallsAfterARestartJustWork":   testCallsAfterARestartJustWork,
		"CheckFindsChanges":            testCheckFindsChanges,
		"CheckWhileWatching":           testCheckWhileWatching,
		"Conformance":                  testConformance,
		"FlushIsAGap":                  testFlushIsAGap,
		"FollowedChannelsAreKeptAlive": testFollowedChannelsAreKeptAlive,
		"ForeignItems":                 testForeignItems,
		"HalfOpenConnections":          testHalfOpenConnections,
		"MemcachedDownAndBack":         testMemcachedDownAndBack,
		"MemcachedPaused":              testMemcachedPaused,
		"TheMarkOfMemcachedsLife":      testTheMarkOfMemcachedsLife,
		"TooLarge":                     testTooLarge,
		"TooLargeForTheServer":         testTooLargeForTheServer,
		"WatchRefused":                 testWatchRefused,
		"WatchersHearOfARestart":       testWatchersHearOfARestart,
		"Watching":                     testWatching,
		"WatchingComesBack":            testWatchingComesBack,
		"WatchingOddNames":             testWatchingOddNames,
	})
}

func testConformance(t *testing.T, v memcachedtest.Version) {
	cfg := Config{Addr: v.Start(t).Addr}
	storetest.Run(t, func(t *testing.T) store.Store { return openStore(t, cfg) })
}

// Settings under which the store is as good. By default it runs in TestEachVersion.
func TestConformance(t *testing.T) {
	server := memcachedtest.Start(t)
	tests := []struct {
		name string
		cfg  Config
	}{
		{"with a prefix", Config{Addr: server.Addr, Prefix: "site/1:"}},
		{"remembering little", Config{Addr: server.Addr, Remember: 1}},
		{"polling slowly", Config{Addr: server.Addr, PollMin: 20 * time.Millisecond}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store { return openStore(t, test.cfg) })
		})
	}
}

// openStore opens a store that ends with t. Unless cfg says so, no busy machine
// makes its calls time out.
func openStore(t testing.TB, cfg Config) *Store {
	t.Helper()
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// dial gives another process's way to memcached.
func dial(t testing.TB, server *memcachedtest.Server) *gomemcache.Client {
	t.Helper()
	c := gomemcache.New(server.Addr)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// setDocument writes a channel's item as another process would.
func setDocument(t testing.TB, c *gomemcache.Client, channel, text string) {
	t.Helper()
	setItem(t, c, &gomemcache.Item{Key: "channel_" + channel, Value: []byte(text), Expiration: ttl})
}

func setItem(t testing.TB, c *gomemcache.Client, item *gomemcache.Item) {
	t.Helper()
	if err := c.Set(item); err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t testing.TB, s *Store, channel, text string) protocol.Cursor {
	t.Helper()
	c, err := s.Append(t.Context(), channel, store.Message{ID: protocol.NewMessageID(time.Now()), Text: []byte(text)})
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
	late := time.After(20 * time.Second)
	for !done() {
		select {
		case <-hints:
		case <-late:
			t.Fatal("what was waited for did not come")
		}
	}
}

func hostPort(t testing.TB, addr string) (host, port string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	return host, port
}
