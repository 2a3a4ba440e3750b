// Package inspect tells what memcached holds of a channel, decoded, and what is
// wrong with it. It looks from outside: it goes by the layouts of
// store/memcache and store/memlog, through neither hub nor gateway, and changes
// nothing.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
)

// Options say where to look, and at what. One of PHP and Log is needed.
type Options struct {
	URL string           // of the store, as it may be shown
	PHP *memcache.Config // for the layout that the PHP library has
	Log *memlog.Config   // for the log layout

	Last    int      // how many messages are told, the newest; 0: all
	Clients []string // polling clients to look for by name: the log layout keeps hashes
	NoList  bool     // never ask memcached for the list of its keys

	Now  func() time.Time // time.Now
	Dial func(ctx context.Context, addr string) (Server, error)
}

// A Server is a connection to a memcached: *mcwire.Conn, or a test's.
type Server interface {
	Items(ctx context.Context, keys []string, values bool, each func(mcwire.Item)) error
	Keys(ctx context.Context, each func(key []byte)) error
	Stats(ctx context.Context) (mcwire.Stats, error)
	Close() error
}

const (
	timeout  = 5 * time.Second // of each answer: of a memcached that lists millions of keys, too
	maxValue = 16 << 20        // bytes
)

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		o.Dial = dial
	}
	return o
}

func dial(ctx context.Context, addr string) (Server, error) {
	c, err := mcwire.Dial(ctx, addr, mcwire.Config{Timeout: timeout, MaxValue: maxValue})
	if err != nil {
		return nil, err // and no Server that is none
	}
	return c, nil
}

// Channel looks at one channel. Its error is *protocol.Error for a name that no
// channel can have, or tells why memcached can't be asked.
func Channel(ctx context.Context, name string, o Options) (*Report, error) {
	if err := protocol.CheckChannel(name); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	in := &inspector{Options: o, report: &Report{Store: o.URL, Channel: name}, senders: make(map[string]bool)}
	defer in.close()
	var err error
	switch {
	case o.PHP != nil:
		err = in.php(ctx)
	case o.Log != nil:
		err = in.log(ctx)
	default:
		err = errors.New("inspect: no store to look into")
	}
	if err != nil {
		return nil, err
	}
	in.findGroups()
	in.report.finish(o.Last)
	return in.report, nil
}

// An inspector makes one report.
type inspector struct {
	Options
	report  *Report
	server  Server          // where the channel is; nil before open
	addr    string          // of server
	stats   mcwire.Stats    // of server
	now     time.Time       // when it was asked
	senders map[string]bool // who has sent a message
	groups  []group
}

func (in *inspector) close() {
	if in.server != nil {
		in.server.Close()
	}
}

// open connects to the server that has the channel, and asks for its counters.
func (in *inspector) open(ctx context.Context, addr string) error {
	var err error
	if in.server, err = in.Dial(ctx, addr); err != nil {
		return fmt.Errorf("memcached %s can't be reached: %w", addr, err)
	}
	in.addr = addr
	if in.stats, err = in.server.Stats(ctx); err != nil {
		return fmt.Errorf("memcached %s does not answer: %w", addr, err)
	}
	in.now = in.Now()
	in.report.Server = serverOf(addr, in.stats)
	in.judgeServer()
	return nil
}

// look gets items by key.
func (in *inspector) look(ctx context.Context, keys ...string) (map[string]mcwire.Item, error) {
	items := make(map[string]mcwire.Item, len(keys))
	err := in.server.Items(ctx, keys, true, func(it mcwire.Item) { items[it.Key] = it })
	if err != nil {
		return nil, fmt.Errorf("memcached %s: %w", in.addr, err)
	}
	return items, nil
}

// list gets the keys for which wants is true, in order. ok is false where the
// server does not list them, or is not to be asked.
func (in *inspector) list(ctx context.Context, wants func(key string) bool) (keys []string, ok bool, err error) {
	if in.NoList {
		in.note("memcached was not asked for its keys; what only a list would show is not told", "")
		return nil, false, nil
	}
	keys, err = listKeys(ctx, in.Options, in.addr, wants)
	if errors.Is(err, mcwire.ErrListRefused) {
		in.note("memcached does not list its keys; what only a list would show is not told", err.Error())
		return nil, false, nil
	}
	return keys, err == nil, err
}

const (
	// maxListed bounds the keys that are told of.
	maxListed = 100_000
	// A key that is read or written just then moves within memcached, which may
	// leave it out of its list. A server that has no more than fewKeys, where one
	// that is missing counts, is asked for its list so often.
	listings = 3
	fewKeys  = 10_000
)

// listKeys gives the keys for which wants is true, in order; wants is asked once
// for each, at least up to fewKeys. It has a connection of its own: a refusal
// ends it.
func listKeys(ctx context.Context, o Options, addr string, wants func(key string) bool) ([]string, error) {
	server, err := o.Dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("memcached %s can't be reached: %w", addr, err)
	}
	defer server.Close()
	found, seen := make(map[string]bool), make(map[string]bool)
	each := func(key []byte) {
		k := string(key)
		if seen[k] {
			return
		}
		if len(seen) < fewKeys {
			seen[k] = true
		}
		if len(found) < maxListed && wants(k) {
			found[k] = true
		}
	}
	for n := 0; n < listings && len(seen) < fewKeys && err == nil; n++ {
		err = server.Keys(ctx, each)
		if n > 0 && errors.Is(err, mcwire.ErrListRefused) {
			return slices.Sorted(maps.Keys(found)), nil // one list is there; it is about another for somebody else
		}
	}
	return slices.Sorted(maps.Keys(found)), err
}

// judgeServer tells what is wrong with the server itself.
func (in *inspector) judgeServer() {
	if n := in.stats.Evictions; n > 0 {
		in.note(fmt.Sprintf("memcached has evicted items, %d since its start %s ago", n, span(in.report.Server.Uptime.Duration())),
			"channels and places may be among them: watch that number, and give memcached more memory (-m)")
	}
}

// judgeItem tells what is odd about any item.
func (in *inspector) judgeItem(it mcwire.Item) {
	if !it.Found {
		return
	}
	if it.CAS == 0 {
		in.warn("memcached runs without CAS (-C): writers overwrite each other unnoticed", "start it without -C")
	}
	if !it.Aged {
		in.note("memcached "+in.stats.Version+" has no meta commands, so that ages and ends of items are not known", "1.6.0 and later tell them")
	}
}
