package memcache

import (
	"slices"
	"testing"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// awaitMode waits until s learns of messages in this way.
func awaitMode(t *testing.T, s *Store, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.Mode() != want {
		select {
		case <-deadline:
			t.Fatalf("mode: got %q, want %q", s.Mode(), want)
		case <-tick.C:
		}
	}
}

// modeOf is how a store learns of messages from this memcached, where nothing
// is in the way.
func modeOf(v memcachedtest.Version) string {
	if v.Before(watching) {
		return byPolling
	}
	return byWatching
}

// hears wants a message that another instance appends to be hinted at and read.
func hears(t *testing.T, s, writer *Store, hints <-chan struct{}, text string) {
	t.Helper()
	at := mustTail(t, s, "c")
	mustAppend(t, writer, "c", text)
	await(t, hints, func() bool {
		p, err := s.Read(t.Context(), "c", at, 10)
		return err == nil && slices.Equal(texts(p.Messages), []string{text})
	})
}

// The poller is as good as off here: what is heard is heard by watching.
var slowPoll = Config{PollMin: 10 * time.Second, PollMax: 10 * time.Second}

func testWatching(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	server := v.Start(t)
	cfg := slowPoll
	cfg.Addr = server.Addr
	s, writer := openStore(t, cfg), openStore(t, Config{Addr: server.Addr})
	if got := s.Mode(); got != byPolling {
		t.Errorf("with nothing followed: got mode %q, want %q", got, byPolling)
	}
	hints := s.Watch(t.Context(), "c")
	awaitMode(t, s, byWatching)
	for _, text := range []string{"1", "2", "3"} {
		hears(t, s, writer, hints, text)
	}
}

// PHP's names may hold anything; in events they are percent-encoded.
func testWatchingOddNames(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	server := v.Start(t)
	cfg := slowPoll
	cfg.Addr, cfg.Prefix = server.Addr, "site:1/"
	s := openStore(t, cfg)
	c := dial(t, server)
	for _, channel := range []string{"größe", "a%20b", "x/y#z", "1.2.3.4_private", "a+b&c"} {
		hints := s.Watch(t.Context(), channel)
		awaitMode(t, s, byWatching)
		at := mustTail(t, s, channel)
		setItem(t, c, &gomemcache.Item{Key: s.key(channel), Value: []byte(`{"lastid":0,"messages":{"a":"hello"}}`), Expiration: ttl})
		await(t, hints, func() bool {
			p, err := s.Read(t.Context(), channel, at, 10)
			return err == nil && slices.Equal(texts(p.Messages), []string{"hello"})
		})
	}
}

func testWatchRefused(t *testing.T, v memcachedtest.Version) {
	var args []string
	if !v.Before(watching) { // others are not asked
		args = []string{"-W"}
	}
	server := v.Start(t, args...)
	s, writer := openStore(t, Config{Addr: server.Addr}), openStore(t, Config{Addr: server.Addr})
	hints := s.Watch(t.Context(), "c")
	hears(t, s, writer, hints, "1")
	if got := s.Mode(); got != byPolling {
		t.Errorf("got mode %q, want %q", got, byPolling)
	}
}

func testWatchingComesBack(t *testing.T, v memcachedtest.Version) {
	for name, away := range map[string]func(*testing.T, *memcachedtest.Server, *Store){
		"after a restart": func(t *testing.T, server *memcachedtest.Server, s *Store) {
			server.Kill(t)
			awaitMode(t, s, byPolling)
			server.Restart(t)
		},
		"after a pause": func(t *testing.T, server *memcachedtest.Server, s *Store) {
			server.Pause(t)
			awaitMode(t, s, byPolling)
			server.Resume(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := v.Start(t)
			s, writer := openStore(t, Config{Addr: server.Addr}), openStore(t, Config{Addr: server.Addr})
			hints := s.Watch(t.Context(), "c")
			awaitMode(t, s, modeOf(v))
			away(t, server, s)
			hears(t, s, writer, hints, "1")
			awaitMode(t, s, modeOf(v))
			hears(t, s, writer, hints, "2")
		})
	}
}

// No event tells of a deletion.
func testCheckWhileWatching(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	server := v.Start(t)
	s, writer, c := openStore(t, Config{Addr: server.Addr}), openStore(t, Config{Addr: server.Addr}), dial(t, server)
	hints, later := s.Watch(t.Context(), "c"), s.Watch(t.Context(), "later")
	<-later // it was looked at
	awaitMode(t, s, byWatching)
	at := mustAppend(t, writer, "c", "1")
	mustAppend(t, writer, "later", "1")
	present := func(channel string) bool { // without a Read, which would look itself
		f := s.follower(channel)
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.present
	}
	await(t, later, func() bool { return present("later") }) // all events before have come
	if err := c.Delete("channel_c"); err != nil {
		t.Fatal(err)
	}
	await(t, hints, func() bool { return !present("c") })
	if p := mustRead(t, s, "c", at); !p.Gap {
		t.Error("the end of the channel is no gap")
	}
}

// What no event tells of, the check finds.
func testCheckFindsChanges(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	server := v.Start(t, "-W")
	cfg := slowPoll
	cfg.Addr = server.Addr
	s, c := openStore(t, cfg), dial(t, server)
	channels := []string{"still", "empty", "changed", "appears", "goes"}
	for _, channel := range channels {
		if channel != "empty" && channel != "appears" {
			setDocument(t, c, channel, `{"lastid":0,"messages":{"a":"1"}}`)
		}
		<-s.Watch(t.Context(), channel) // it was looked at
	}
	setDocument(t, c, "changed", `{"lastid":0,"messages":{"a":"1","b":"2"}}`)
	setDocument(t, c, "appears", `{"lastid":0,"messages":{"a":"1"}}`)
	if err := c.Delete("channel_goes"); err != nil {
		t.Fatal(err)
	}
	var check checker
	defer check.close()
	got, err := check.changed(s, s.followersOf(channels))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got {
		names = append(names, f.channel)
	}
	slices.Sort(names)
	if want := []string{"appears", "changed", "goes"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
