package memcache

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	gomemcache "github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// secondsLeft asks memcached how long an item lives; -1 where there is none.
func secondsLeft(t *testing.T, server *memcachedtest.Server, key string) int {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "mg %s t\r\n", key); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	left := -1
	line = strings.Replace(line, "OK", "HD", 1) // as it is before 1.6.10
	if _, err := fmt.Sscanf(line, "HD t%d", &left); err != nil && line != "EN\r\n" {
		t.Fatalf("mg: %q", line)
	}
	return left
}

func testFollowedChannelsAreKeptAlive(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta) // to be asked how long an item lives
	server := v.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	const text = `{"lastid":0,"messages":{"a":"1"}}`
	for _, channel := range []string{"followed", "other"} {
		setItem(t, c, &gomemcache.Item{Key: "channel_" + channel, Value: []byte(text), Expiration: 7})
	}
	hints := s.Watch(t.Context(), "followed")
	await(t, hints, func() bool { return s.follower("followed").isFading() })
	before, err := c.Get("channel_followed")
	if err != nil {
		t.Fatal(err)
	}
	s.touchAll()
	if left := secondsLeft(t, server, "channel_followed"); left < ttl-1 {
		t.Errorf("a followed channel lives for %d seconds, want %d", left, ttl)
	}
	if left := secondsLeft(t, server, "channel_other"); left > 7 {
		t.Errorf("another channel lives for %d seconds, want 7 at most", left)
	}
	after, err := c.Get("channel_followed")
	if err != nil || after.CasID != before.CasID {
		t.Errorf("the touch changed the item: %v", err)
	}
	if s.follower("followed").isFading() {
		t.Error("a channel that was just touched is to be touched again")
	}
}

// What another process knows of us: the mark that tells one life of memcached
// from the next, and no more.
func testTheMarkOfMemcachedsLife(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta) // to be asked how long an item lives
	server := v.Start(t)
	c := dial(t, server)
	one, two := openStore(t, Config{Addr: server.Addr}), openStore(t, Config{Addr: server.Addr})
	first, err := one.server.look()
	if err != nil {
		t.Fatal(err)
	}
	if l, err := two.server.look(); err != nil || l.life != first.life {
		t.Errorf("life: got %q, %v, want %q for all", l.life, err, first.life)
	}
	if left := secondsLeft(t, server, "commchannel_life"); left < lifeTTL-1 {
		t.Errorf("the mark lives for %d seconds, want %d", left, lifeTTL)
	}
	if err := c.FlushAll(); err != nil {
		t.Fatal(err)
	}
	if l, err := two.server.look(); err != nil || l.life == first.life {
		t.Errorf("life after a flush: got %q, %v, want another", l.life, err)
	}
}
