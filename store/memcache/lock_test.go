package memcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/store"
)

// A fakeClock goes as the real one, and further when told.
type fakeClock struct {
	mu    sync.Mutex
	ahead time.Duration
	each  func() // called at each reading
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	each := c.each
	c.mu.Unlock()
	if each != nil {
		each()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

func (c *fakeClock) call(each func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each = each
}

// holdLock takes a channel's lock as PHP does, for some seconds.
func holdLock(t *testing.T, c *gomemcache.Client, channel string, seconds int32) {
	t.Helper()
	item := &gomemcache.Item{Key: "channel_lock_" + channel, Value: []byte("1"), Flags: 768, Expiration: seconds}
	if err := c.Add(item); err != nil {
		t.Fatal(err)
	}
}

func isLocked(t *testing.T, c *gomemcache.Client, channel string) bool {
	t.Helper()
	_, err := c.Get("channel_lock_" + channel)
	if err != nil && !errors.Is(err, gomemcache.ErrCacheMiss) {
		t.Fatal(err)
	}
	return err == nil
}

func TestAppendOutlastsTheLockOfADeadProcess(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	holdLock(t, c, "c", 2)
	begun := time.Now()
	mustAppend(t, s, "c", "x")
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("appended after %v, while the lock was held", took)
	}
	if got := texts(mustRead(t, s, "c", "").Messages); !slices.Equal(got, []string{"x"}) {
		t.Errorf("got %q", got)
	}
	if isLocked(t, c, "c") {
		t.Error("the lock is still held after the append")
	}
}

func TestAppendGivesUpOnALock(t *testing.T) {
	server := memcachedtest.Start(t)
	c, clock := dial(t, server), &fakeClock{}
	s := openStore(t, Config{Addr: server.Addr, Clock: clock.now})
	holdLock(t, c, "c", 60)
	clock.call(func() { clock.advance(500 * time.Millisecond) })
	_, err := s.Append(t.Context(), "c", store.Message{ID: "m"})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrUnavailable)
	}
	if !isLocked(t, c, "c") {
		t.Error("another's lock was taken away")
	}
}

func TestAppendStopsWaitingWithItsContext(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	holdLock(t, c, "c", 60)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var g errgroup.Group
	for i := range 3 {
		g.Go(func() error {
			_, err := s.Append(ctx, "c", store.Message{ID: fmt.Sprint("m", i)})
			if !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("got %w, want %w", err, context.DeadlineExceeded)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil { // the writer has ended by then
		t.Error(err)
	}
	if len(s.queues.of) != 0 {
		t.Errorf("%d queues are left over", len(s.queues.of))
	}
}

// A writer that was held up for so long that its lock may be another's writes
// nothing and takes no lock away: it begins anew.
func TestAppendWithALockThatGrewOld(t *testing.T) {
	server := memcachedtest.Start(t)
	c, clock := dial(t, server), &fakeClock{}
	s := openStore(t, Config{Addr: server.Addr, Clock: clock.now})
	setDocument(t, c, "c", `{"lastid":0,"messages":{"a":"1"}}`)
	tries := 0
	otherWrites := func() {
		if tries++; tries != 10 {
			return
		}
		if !isLocked(t, c, "c") {
			t.Error("another's lock was taken away")
		}
		setDocument(t, c, "c", `{"lastid":0,"messages":{"a":"1","other":"2"}}`)
		if err := c.Delete("channel_lock_c"); err != nil {
			t.Error(err)
		}
	}
	clock.call(func() {
		if isLocked(t, c, "c") { // held up here: the lock ends, and another writer comes
			clock.call(otherWrites)
			clock.advance(lockGood)
			if err := c.Delete("channel_lock_c"); err != nil {
				t.Error(err)
			}
			holdLock(t, c, "c", 60)
		}
	})
	mustAppend(t, s, "c", "3")
	if tries < 10 {
		t.Errorf("the other's lock was waited for over %d looks at the clock, want 10", tries)
	}
	if got, want := texts(mustRead(t, s, "c", "").Messages), []string{"1", "2", "3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whoever writes without the lock is not overwritten.
func TestAppendSeesWritesDespiteItsLock(t *testing.T) {
	server := memcachedtest.Start(t)
	c := dial(t, server)
	s := openStore(t, Config{Addr: server.Addr})
	tests := []struct {
		name   string
		before func(t *testing.T, channel string)
		within func(t *testing.T, channel string)
		want   []string
	}{
		{"changed", func(t *testing.T, channel string) {
			setDocument(t, c, channel, `{"lastid":0,"messages":{"a":"1"}}`)
		}, func(t *testing.T, channel string) {
			setDocument(t, c, channel, `{"lastid":0,"messages":{"a":"1","b":"2"}}`)
		}, []string{"1", "2", "x"}},
		{"came", func(*testing.T, string) {}, func(t *testing.T, channel string) {
			setDocument(t, c, channel, `{"lastid":0,"messages":{"b":"2"}}`)
		}, []string{"2", "x"}},
		{"went", func(t *testing.T, channel string) {
			setDocument(t, c, channel, `{"lastid":0,"messages":{"a":"1"}}`)
		}, func(t *testing.T, channel string) {
			if err := c.Delete("channel_" + channel); err != nil {
				t.Error(err)
			}
		}, []string{"x"}},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			channel, tries := fmt.Sprint("c", i), 0
			test.before(t, channel)
			err := s.change(t.Context(), channel, 1, func(d *document) {
				if tries++; tries == 1 {
					test.within(t, channel)
				}
				d.set("mine", []byte(`"x"`))
			})
			if err != nil || tries != 2 {
				t.Fatalf("change: %v after %d tries, want 2", err, tries)
			}
			if got := texts(mustRead(t, s, channel, "").Messages); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// What goes over the wire is what PHP sends.
func TestTheLockIsAsPHPs(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	var lock *gomemcache.Item
	var lookErr error
	err := s.change(t.Context(), "c", 1, func(d *document) {
		lock, lookErr = c.Get("channel_lock_c")
		d.set("m", []byte(`"x"`))
	})
	if err := errors.Join(err, lookErr); err != nil {
		t.Fatal(err)
	}
	if lock.Flags != 768 || string(lock.Value) != "1" {
		t.Errorf("lock: got flags %d and %q, want 768 and \"1\"", lock.Flags, lock.Value)
	}
	item, err := c.Get("channel_c")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(item.Value), `{"lastid":0,"messages":{"m":"x"}}`; got != want || item.Flags != 0 {
		t.Errorf("document: got flags %d and %s, want 0 and %s", item.Flags, got, want)
	}
}
