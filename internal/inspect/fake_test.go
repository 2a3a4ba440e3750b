package inspect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/commchannel/gateway/store/mcwire"
)

// now is when tests look.
func now() time.Time { return time.UnixMilli(1_795_412_400_000) }

// ago is an id of PHP's uniqid from so long ago.
func ago(d time.Duration) string { return fmt.Sprintf("%08x%05x", now().Add(-d).Unix(), 0) }

// A fakeServer is a memcached as a test would have it.
type fakeServer struct {
	items map[string]mcwire.Item
	stats mcwire.Stats
	mute  bool                   // it lists no keys
	lists int                    // how often it was asked for its keys
	moves map[string]int         // keys that are on the move in the first so many listings
	tired int                    // listings after which it refuses; 0: never
	later map[string]mcwire.Item // come when it was asked for them once
}

func newFake() *fakeServer {
	return &fakeServer{
		items: make(map[string]mcwire.Item), later: make(map[string]mcwire.Item),
		stats: mcwire.Stats{Version: "1.6.18", Uptime: 93_784, ItemSizeMax: 1 << 20},
	}
}

// set stores a value that ends in ttl and was written two seconds ago.
func (f *fakeServer) set(key string, flags uint32, ttl time.Duration, value string) {
	f.put(mcwire.Item{Key: key, Flags: flags, TTL: ttl, Value: []byte(value)})
}

func (f *fakeServer) put(it mcwire.Item) {
	it.Found, it.CAS, it.Size, it.Aged, it.Idle = true, uint64(7+len(f.items)), len(it.Value), true, 2*time.Second
	f.items[it.Key] = it
}

func (f *fakeServer) Items(_ context.Context, keys []string, values bool, each func(mcwire.Item)) error {
	for _, key := range keys {
		it, ok := f.items[key]
		if !ok {
			it.Key = key
		}
		if !values {
			it.Value = nil
		}
		each(it)
		if late, ok := f.later[key]; ok {
			f.items[key] = late
		}
	}
	return nil
}

func (f *fakeServer) Keys(_ context.Context, each func([]byte)) error {
	if f.lists++; f.mute || f.tired > 0 && f.lists > f.tired {
		return fmt.Errorf("%w: %q", mcwire.ErrListRefused, "CLIENT_ERROR lru crawler disabled")
	}
	for _, key := range slices.Sorted(maps.Keys(f.items)) {
		if f.lists > f.moves[key] {
			each([]byte(key))
		}
	}
	return nil
}

func (f *fakeServer) Stats(context.Context) (mcwire.Stats, error) { return f.stats, nil }
func (f *fakeServer) Close() error                                { return nil }

// dialTo reaches fakes by their address.
func dialTo(fakes map[string]*fakeServer) func(context.Context, string) (Server, error) {
	return func(_ context.Context, addr string) (Server, error) {
		if f := fakes[addr]; f != nil {
			return f, nil
		}
		return nil, errors.New("connection refused")
	}
}
