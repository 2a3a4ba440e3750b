package memlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

const (
	checkedPublishers = 8
	checkedReaders    = 3
	checkedEach       = 120 // messages of each publisher
)

// A checker has publishers and readers at one channel, whose stores stall and
// crash between their steps. It notes what each of them
// was told, and holds that against the promises.
type checker struct {
	channel string
	writers []*Store
	readers []*Store
	size    int // of texts, in bytes

	mu    sync.Mutex
	acked map[string]ack // by text

	finished atomic.Bool // publishers have sent all
}

// An ack is what a publisher knows of its message.
type ack struct {
	place      place
	begun, got time.Time
}

// A sight is what a reader was told: a message, or a gap.
type sight struct {
	gap   bool
	place place
	text  string
}

var errCrash = fmt.Errorf("%w: crashed", store.ErrUnavailable)

// faults stalls one step in ten, and ends one in a hundred.
func faults(string) error {
	switch n := rand.IntN(100); {
	case n < 10:
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond) // the stall that is tested
	case n == 10:
		return errCrash
	}
	return nil
}

// newChecker has the publishers share so many stores.
func newChecker(t *testing.T, server *memcachedtest.Server, stores int) *checker {
	t.Helper()
	cfg := Config{Servers: []string{server.Addr}, Grace: 5 * time.Millisecond, Timeout: 2 * time.Second}
	c := &checker{channel: "checked", acked: make(map[string]ack), size: 40}
	for range stores {
		c.writers = append(c.writers, openStepped(t, cfg, faults))
	}
	for range checkedReaders {
		c.readers = append(c.readers, openStepped(t, cfg, faults))
	}
	return c
}

// run has everybody publish and read, while disturb does what it likes, and
// returns what the readers saw.
func (c *checker) run(t *testing.T, disturb func()) [][]sight {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := make([][]sight, len(c.readers))
	var reading, publishing errgroup.Group
	for i, s := range c.readers {
		hints := s.Watch(ctx, c.channel)
		at := c.mustTail(t, s)
		reading.Go(func() (err error) {
			seen[i], err = c.read(ctx, s, hints, at)
			return err
		})
	}
	for i := range checkedPublishers {
		publishing.Go(func() error { return c.publish(ctx, i) })
	}
	if disturb != nil {
		disturb()
	}
	if err := publishing.Wait(); err != nil {
		t.Fatal(err)
	}
	c.finished.Store(true)
	ended := make(chan error, 1)
	go func() { ended <- reading.Wait() }()
	c.sayEnd(ctx, t, ended)
	return seen
}

func (c *checker) mustTail(t *testing.T, s *Store) protocol.Cursor {
	t.Helper()
	for {
		at, err := s.Tail(t.Context(), c.channel)
		if err == nil {
			return at
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
}

// publish sends each message until it is acknowledged, through whoever comes
// next, and now and then once more.
func (c *checker) publish(ctx context.Context, publisher int) error {
	for i := range checkedEach {
		text := fmt.Sprintf("%d-%d ", publisher, i)
		if err := c.send(ctx, publisher, text+strings.Repeat("x", max(0, c.size-len(text)))); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) send(ctx context.Context, publisher int, text string) error {
	m := newMessage(text)
	begun := time.Now()
	for try := 0; ; try++ {
		at, err := c.writers[(publisher+try)%len(c.writers)].Append(ctx, c.channel, m)
		if err == nil {
			p, _ := parsePlace(at)
			c.mu.Lock()
			c.acked[text] = ack{p, begun, time.Now()}
			c.mu.Unlock()
			return nil
		}
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return fmt.Errorf("append: %w", err)
		}
	}
}

const endText = "the end"

// sayEnd publishes an end until all readers have found one.
func (c *checker) sayEnd(ctx context.Context, t *testing.T, ended <-chan error) {
	t.Helper()
	for {
		_, _ = c.writers[0].Append(ctx, c.channel, newMessage(endText))
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (c *checker) read(ctx context.Context, s *Store, hints <-chan struct{}, at protocol.Cursor) (seen []sight, err error) {
	for {
		select {
		case <-hints:
		case <-time.After(100 * time.Millisecond): // as the hub does after an error
		case <-ctx.Done():
			return nil, fmt.Errorf("a reader has seen %d: %w", len(seen), ctx.Err())
		}
		for more := true; more; {
			p, err := s.Read(ctx, c.channel, at, 7)
			if errors.Is(err, store.ErrUnavailable) {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("read: %w", err)
			}
			if p.Gap {
				seen = append(seen, sight{gap: true})
			}
			for _, m := range p.Messages {
				if string(m.Text) == endText {
					return seen, nil
				}
				where, _ := parsePlace(m.Cursor)
				seen = append(seen, sight{place: where, text: string(m.Text)})
			}
			at, more = p.Cursor, len(p.Messages) == 7
		}
	}
}

// checkedStores are how many stores the publishers share. The exchanges of a few
// take several messages along, each at another step.
var checkedStores = []int{checkedPublishers, 2}

func TestNothingLostDoubledOrOutOfOrder(t *testing.T) {
	for _, stores := range checkedStores {
		t.Run(fmt.Sprint(stores, " stores"), func(t *testing.T) {
			c := newChecker(t, memcachedtest.Start(t), stores)
			seen := c.run(t, nil)
			c.checkComplete(t, seen)
			_, gaps, _ := c.checkHoles(t, seen)
			t.Logf("%d messages, %d readers; %d gaps told, from crashes", len(c.acked), len(seen), gaps)
		})
	}
}

// disturbUntilFinished calls f now and then until the publishers are through.
func (c *checker) disturbUntilFinished(every time.Duration, f func()) func() {
	return func() {
		for range 20 {
			time.Sleep(every) // the disturbance's own pace
			c.mu.Lock()
			through := len(c.acked) == checkedPublishers*checkedEach
			c.mu.Unlock()
			if through {
				return
			}
			f()
		}
	}
}

// One end of an epoch: all readers know the old one, and drain it.
func TestNothingLostWithOneHead(t *testing.T) {
	for _, stores := range checkedStores {
		t.Run(fmt.Sprint(stores, " stores"), func(t *testing.T) {
			server := memcachedtest.Start(t)
			c := newChecker(t, server, stores)
			mc := dial(t, server)
			seen := c.run(t, func() {
				for len(c.newest(checkedPublishers*checkedEach)) < checkedPublishers*checkedEach/2 {
					time.Sleep(time.Millisecond) // until half is through
				}
				mustDelete(t, mc, headKey(c.channel))
			})
			missed, gaps, twice := c.checkHoles(t, seen)
			if missed != 0 {
				t.Errorf("%d were not seen", missed)
			}
			t.Logf("%d messages, %d readers; %d gaps told, %d seen twice", len(c.acked), len(seen), gaps, twice)
		})
	}
}

func TestHolesAreTold(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		size    int
		disturb func(t *testing.T, c *checker, server *memcachedtest.Server, mc *gomemcache.Client)
	}{
		{"the head is deleted", nil, 40, func(_ *testing.T, c *checker, _ *memcachedtest.Server, mc *gomemcache.Client) {
			_ = mc.Delete(headKey(c.channel))
		}},
		{"slots are deleted", nil, 40, func(_ *testing.T, c *checker, _ *memcachedtest.Server, mc *gomemcache.Client) {
			for _, p := range c.newest(5) {
				_ = mc.Delete(slotKey(c.channel, p.n))
			}
		}},
		{"all is flushed", nil, 40, func(_ *testing.T, _ *checker, _ *memcachedtest.Server, mc *gomemcache.Client) {
			_ = mc.FlushAll()
		}},
		{"memcached is restarted", nil, 40, func(t *testing.T, _ *checker, server *memcachedtest.Server, _ *gomemcache.Client) {
			server.Restart(t)
		}},
		{"memcached evicts", []string{"-m", "2"}, 60_000, func(*testing.T, *checker, *memcachedtest.Server, *gomemcache.Client) {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := memcachedtest.Start(t, test.args...)
			c := newChecker(t, server, checkedPublishers/2)
			c.size = test.size
			mc := dial(t, server)
			seen := c.run(t, c.disturbUntilFinished(40*time.Millisecond, func() { test.disturb(t, c, server, mc) }))
			missed, gaps, twice := c.checkHoles(t, seen)
			t.Logf("%d messages, %d readers: %d not seen, %d gaps told, %d seen twice", len(c.acked), len(seen), missed, gaps, twice)
		})
	}
}

// newest are some places of the messages acknowledged last.
func (c *checker) newest(count int) (places []place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.acked {
		places = append(places, a.place)
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.n > b.n {
			return -1
		}
		return 1
	})
	return places[:min(count, len(places))]
}
