package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/store/mcwire"
)

// A Store is where a gateway has its messages: one memcached or several.
type Store struct {
	URL     string   // as it may be shown
	Servers []string // host:port; none: the messages are in the gateway's process
	Prefix  string   // of keys

	// ForPHP says that the original PHP library shares the channels.
	ForPHP bool
	// Key is the key that is there once a channel has had a message.
	Key func(channel string) string
	// IsChannel reports whether a key is of that kind.
	IsChannel func(key string) bool
	// Flags are those of channels' items that a gateway can read, and what
	// they mean. Nil: any are.
	Flags map[uint32]string
	// LeastItem is how large an item has to be allowed to be, in bytes, for
	// messages of so many bytes.
	LeastItem func(maxMessage int) int
}

// storeChecks are those that want a memcached.
var storeChecks = []ID{StoreReach, StoreSame, StoreWatch, StoreItemSize, StoreMemory, StoreCAS, StoreTTL, StoreChannels, PHP}

const storeTimeout = 2 * time.Second // of each answer

// examineStore looks at the store's servers themselves.
func (x *exam) examineStore(ctx context.Context) {
	s := x.o.Store
	if s == nil || len(s.Servers) == 0 {
		why := "no --store to look at"
		if s != nil {
			why = "messages are in the gateway's own memory"
		}
		for _, id := range storeChecks {
			x.skip(id, "%s", why)
		}
		return
	}
	var all []*memcached
	var reached []finding
	for _, addr := range s.Servers {
		m, f := x.meet(ctx, addr)
		if reached = append(reached, f); m != nil {
			all = append(all, m)
		}
	}
	x.find(StoreReach, worst(reached))
	if len(all) == 0 {
		for _, id := range storeChecks[1 : len(storeChecks)-1] {
			x.skip(id, "no server answers")
		}
	}
	x.examineServers(ctx, all)
	x.examinePHP(ctx)
}

// examineServers makes one verdict on all servers for each check.
func (x *exam) examineServers(ctx context.Context, all []*memcached) {
	if len(all) == 0 {
		return
	}
	x.findSame(ctx, all)
	for _, c := range []struct {
		id   ID
		look func(context.Context, *memcached) finding
	}{
		{StoreWatch, x.tryWatch},
		{StoreItemSize, x.judgeItemSize},
		{StoreMemory, x.judgeMemory},
		{StoreCAS, x.tryCAS},
		{StoreTTL, x.tryTTL},
		{StoreChannels, x.lookAtChannels},
	} {
		var found []finding
		for _, m := range all {
			f := c.look(ctx, m)
			if len(x.o.Store.Servers) > 1 {
				f.text = m.addr + ": " + f.text
			}
			found = append(found, f)
		}
		x.find(c.id, worst(found))
	}
}

// A memcached is a server that answers.
type memcached struct {
	addr     string
	counters map[string]string // of "stats"
	settings map[string]string // of "stats settings"
	client   *memcache.Client
}

// number is a counter's value; 0 where the server does not tell it.
func number(of map[string]string, name string) uint64 {
	n, _ := strconv.ParseUint(of[name], 10, 64)
	return n
}

func (x *exam) meet(ctx context.Context, addr string) (*memcached, finding) {
	begun := time.Now()
	m := &memcached{addr: addr}
	var err error
	if m.counters, err = askStats(ctx, addr, "stats"); err == nil {
		m.settings, err = askStats(ctx, addr, "stats settings")
	}
	if err != nil {
		return nil, finding{Fail, fmt.Sprintf("memcached %s: %s", addr, explain(err)),
			"start it, or look at its -l and -p, at --store, and at firewalls; nothing of its channels can be had meanwhile"}
	}
	took := time.Since(begun)
	m.client = memcache.New(addr)
	m.client.Timeout = storeTimeout
	up := time.Duration(number(m.counters, "uptime")) * time.Second
	text := fmt.Sprintf("memcached %s %s, up for %s, answers in %s", addr, m.counters["version"], up, brief(took/2))
	if n := number(m.counters, "listen_disabled_num"); n > 0 {
		return m, finding{Warn, fmt.Sprintf("%s; it had as many connections as it may %d times, and let others wait", text, n), "start memcached with a larger -c"}
	}
	return m, finding{OK, text, ""}
}

// findSame looks for what was sent through the gateway.
func (x *exam) findSame(ctx context.Context, all []*memcached) {
	if len(x.clocks) == 0 {
		x.skip(StoreSame, "no message went through the gateway")
		return
	}
	key := x.o.Store.Key(x.channel)
	for _, m := range all {
		items, err := m.look(ctx, key)
		if err == nil && items[0].Found {
			x.ok(StoreSame, "messages that the gateway takes are on %s", m.addr)
			return
		}
	}
	x.fail(StoreSame, "name the gateway's own --store, with its prefix and layout; or start the gateway with this one", "messages that the gateway takes are not in this store")
}

// look asks for items, without their values. A connection is for one use: what
// goes wrong with it is one finding.
func (m *memcached) look(ctx context.Context, keys ...string) (items []mcwire.Item, err error) {
	conn, err := mcwire.Dial(ctx, m.addr, mcwire.Config{Timeout: storeTimeout})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	err = conn.Items(ctx, keys, false, func(it mcwire.Item) { items = append(items, it) })
	return items, err
}

func (x *exam) key(suffix string) string { return x.o.Store.Prefix + x.name + "-" + suffix }

// tryWatch has memcached tell of a write.
func (x *exam) tryWatch(ctx context.Context, m *memcached) finding {
	const polls = "the gateway asks for changes all the time instead (polls), which costs more and is some 10 milliseconds slower"
	conn, err := mcwire.Dial(ctx, m.addr, mcwire.Config{Timeout: storeTimeout})
	if err != nil {
		return finding{Fail, explain(err), "look at the server"}
	}
	stream, err := conn.Watch(ctx, x.key("watched"))
	switch {
	case errors.Is(err, mcwire.ErrTooManyWatchers):
		return finding{Warn, "it has 20 watchers, and takes no more: " + polls, "see who watches: every gateway does once, and memcached's own tools"}
	case errors.Is(err, mcwire.ErrWatchRefused):
		return finding{Warn, fmt.Sprintf("memcached %s can't be watched: %s", m.counters["version"], polls), "a memcached of 1.5.20 or later lets gateways watch; 1.6.18 is Debian 12's"}
	case err != nil:
		_ = conn.Close()
		return finding{Warn, "watching fails: " + explain(err) + ": " + polls, "look at what lies between"}
	}
	defer stream.Close()
	begun := time.Now()
	if err := m.client.Set(&memcache.Item{Key: x.key("watched"), Value: []byte("1"), Expiration: 5}); err != nil {
		return finding{Fail, "nothing can be stored: " + explain(err), "look at the server"}
	}
	if _, err := stream.Next(storeTimeout + time.Second); err != nil {
		return finding{Warn, "it lets us watch, but does not tell of a write: " + polls, "look at the server; a busy one drops what it would tell (log_worker_dropped in its stats)"}
	}
	return finding{OK, "it tells of writes, of one in " + brief(time.Since(begun)), ""}
}

func (x *exam) judgeItemSize(_ context.Context, m *memcached) finding {
	most := number(m.settings, "item_size_max")
	least := uint64(x.o.Store.LeastItem(x.welcome.MaxMessage))
	switch {
	case most == 0:
		return finding{Skipped, "it does not tell its bound on items", ""}
	case most < least:
		return finding{Fail, fmt.Sprintf("an item may have %d KiB, and is to have %d KiB: what is larger is lost, a whole channel of PHP, too", most>>10, least>>10),
			fmt.Sprintf("start memcached with -I %dk", (least+1023)>>10)}
	}
	return finding{OK, fmt.Sprintf("an item may have %d KiB", most>>10), ""}
}

func (x *exam) judgeMemory(_ context.Context, m *memcached) finding {
	used, most, lost := number(m.counters, "bytes"), number(m.counters, "limit_maxbytes"), number(m.counters, "evictions")
	up := time.Duration(number(m.counters, "uptime")) * time.Second
	text := fmt.Sprintf("%.1f of %d MiB used, %d items", float64(used)/(1<<20), most>>20, number(m.counters, "curr_items"))
	const more = "give it more memory (-m), or this store a memcached of its own"
	switch {
	case lost > 0:
		return finding{Warn, fmt.Sprintf("%s; it has dropped %d items for want of memory since its start %s ago, perhaps channels and places of clients", text, lost, up), more}
	case m.settings["evictions"] == "off" && used > most/10*9:
		return finding{Fail, text + "; it is nearly full, and refuses what does not fit (-M)", more}
	case used > most/10*9:
		return finding{Warn, text + "; it is nearly full, and will drop items", more}
	}
	return finding{OK, text + ", none dropped", ""}
}

func (x *exam) tryCAS(ctx context.Context, m *memcached) finding {
	key := x.key("cas")
	if err := m.client.Set(&memcache.Item{Key: key, Value: []byte("1"), Expiration: 5}); err != nil {
		return finding{Fail, "nothing can be stored: " + explain(err), "look at the server"}
	}
	items, err := m.look(ctx, key)
	switch {
	case err != nil:
		return finding{Fail, explain(err), "look at the server"}
	case !items[0].Found:
		return finding{Fail, "what was stored is not there", "look at the server's memory, and at what lies between"}
	case items[0].CAS == 0:
		return finding{Fail, "it runs without CAS: a gateway and PHP, or two gateways, overwrite each other's messages", "start memcached without -C"}
	}
	return finding{OK, "it has CAS", ""}
}

const (
	ttlShort, ttlLong, ttlTouched = 1, 30, 90 // seconds
	expireIn                      = 5 * time.Second
	expirePace                    = 250 * time.Millisecond
)

// tryTTL stores items with a life, and renews one's.
func (x *exam) tryTTL(ctx context.Context, m *memcached) finding {
	brief, long := x.key("brief"), x.key("long")
	err := errors.Join(
		m.client.Set(&memcache.Item{Key: brief, Value: []byte("1"), Expiration: ttlShort}),
		m.client.Set(&memcache.Item{Key: long, Value: []byte("1"), Expiration: ttlLong}),
		m.client.Touch(long, ttlTouched),
	)
	if err != nil {
		return finding{Fail, "an item can't be stored or touched: " + explain(err), "look at what lies between, such as a proxy of memcached"}
	}
	defer func() { _ = m.client.Delete(long) }() // else it goes by itself
	items, err := m.look(ctx, brief, long)
	switch {
	case err != nil:
		return finding{Fail, explain(err), "look at the server"}
	case !items[1].Found:
		return finding{Fail, "an item with a life of half a minute was gone at once", "look at the server's clock and memory"}
	case items[1].Aged && (items[1].TTL > ttlTouched*time.Second || items[1].TTL <= ttlLong*time.Second):
		return finding{Fail, fmt.Sprintf("an item whose life was set to %d s by touch has %s left", ttlTouched, items[1].TTL), "look at what lies between, such as a proxy of memcached"}
	case x.o.Quick:
		return finding{OK, "items are given their life; without --quick the end of one is waited for", ""}
	}
	if !m.ends(ctx, brief) {
		return finding{Fail, fmt.Sprintf("an item with a life of %d s was still there after %s", ttlShort, expireIn), "look at the server's clock: it may have been set back"}
	}
	return finding{OK, "items end when they are to, and live on when touched", ""}
}

// ends waits for an item to be gone.
func (m *memcached) ends(ctx context.Context, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, expireIn)
	defer cancel()
	pace := time.NewTicker(expirePace)
	defer pace.Stop()
	for {
		items, err := m.look(ctx, key)
		if err == nil && !items[0].Found {
			return true
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return false
		}
	}
}
