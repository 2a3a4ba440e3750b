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

// A checker has publishers and readers at one channel, each with a store of its
// own, which stall and crash between their steps. It notes what each of them
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

func newChecker(t *testing.T, server *memcachedtest.Server, channel string) *checker {
	t.Helper()
	cfg := Config{Servers: []string{server.Addr}, Grace: 5 * time.Millisecond, Timeout: 2 * time.Second}
	c := &checker{channel: channel, acked: make(map[string]ack), size: 40}
	for range checkedPublishers {
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
	for i := range c.writers {
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

// texts are those that a reader saw, in their order.
func seenTexts(seen []sight) (texts []string) {
	for _, s := range seen {
		if !s.gap {
			texts = append(texts, s.text)
		}
	}
	return texts
}

// checkComplete: every reader saw all that was acknowledged, once, in one order.
func (c *checker) checkComplete(t *testing.T, seen [][]sight) {
	t.Helper()
	first := seenTexts(seen[0])
	for i := range seen {
		if got := seenTexts(seen[i]); !slices.Equal(got, first) {
			t.Errorf("reader %d saw %d messages in another order than reader 0, who saw %d", i, len(got), len(first))
		}
	}
	count := make(map[string]int)
	for _, text := range first {
		count[text]++
	}
	for text := range c.acked {
		if count[text] != 1 {
			t.Errorf("%.10q was seen %d times, want 1", text, count[text])
		}
	}
	if len(count) != len(c.acked) {
		t.Errorf("got %d messages, want %d", len(count), len(c.acked))
	}
	c.checkRealTime(t, first)
}

// checkRealTime: what was acknowledged before another's sending began is in
// front of it.
func (c *checker) checkRealTime(t *testing.T, texts []string) {
	t.Helper()
	earliest := time.Now()
	for _, text := range slices.Backward(texts) {
		a, ok := c.acked[text]
		if !ok {
			continue
		}
		if earliest.Before(a.begun) {
			t.Errorf("%.10q stands in front of one that was acknowledged before it was sent", text)
		}
		if a.got.Before(earliest) {
			earliest = a.got
		}
	}
}

// checkHoles: what a reader did not see is behind a gap; what it saw is in
// order; and a place has one text for all.
func (c *checker) checkHoles(t *testing.T, seen [][]sight) (missed, gaps, twice int) {
	t.Helper()
	at := make(map[place]string)
	for i, sights := range seen {
		places := make(map[string]place)
		for _, s := range sights {
			if s.gap {
				gaps++
				continue
			}
			if was, ok := at[s.place]; ok && was != s.text {
				t.Errorf("reader %d: %v holds %.10q, another saw %.10q", i, s.place, s.text, was)
			}
			at[s.place] = s.text
			if was, ok := places[s.text]; ok {
				twice++
				if was.epoch == s.place.epoch {
					t.Errorf("reader %d saw %.10q at %v and at %v", i, s.text, was, s.place)
				}
			}
			places[s.text] = s.place
		}
		c.checkOrder(t, i, sights)
		for text, a := range c.acked {
			if _, ok := places[text]; !ok {
				missed++
				if !toldOfGap(sights, a.place) {
					t.Errorf("reader %d did not see %.10q at %v, and was not told of a gap", i, text, a.place)
				}
			}
		}
	}
	return missed, gaps, twice
}

// checkOrder: numbers rise, and an epoch that has ended does not come back.
func (c *checker) checkOrder(t *testing.T, reader int, sights []sight) {
	t.Helper()
	ended := make(map[uint32]bool)
	var last place
	gap := true
	for _, s := range sights {
		switch {
		case s.gap:
		case s.place.epoch == last.epoch && s.place.n <= last.n:
			t.Errorf("reader %d saw %v behind %v", reader, s.place, last)
		case s.place.epoch != last.epoch && (!gap || ended[s.place.epoch]):
			t.Errorf("reader %d came from %v to %v: gap %v, epoch ended before %v", reader, last, s.place, gap, ended[s.place.epoch])
		}
		if gap = s.gap; !gap {
			if s.place.epoch != last.epoch {
				ended[last.epoch] = true
			}
			last = s.place
		}
	}
}

// toldOfGap: is there a gap where p should have been seen?
func toldOfGap(sights []sight, p place) bool {
	before, after := 0, len(sights)
	known := false
	for i, s := range sights {
		if s.gap || s.place.epoch != p.epoch {
			continue
		}
		if s.place.n < p.n {
			before, known = i, true
		} else {
			after = min(after, i)
		}
	}
	if !known && after == len(sights) { // nothing of this epoch was seen
		return slices.ContainsFunc(sights, func(s sight) bool { return s.gap })
	}
	return slices.ContainsFunc(sights[before:after], func(s sight) bool { return s.gap })
}

func TestNothingLostDoubledOrOutOfOrder(t *testing.T) {
	server := memcachedtest.Start(t)
	c := newChecker(t, server, "checked")
	seen := c.run(t, nil)
	c.checkComplete(t, seen)
	_, gaps, _ := c.checkHoles(t, seen)
	t.Logf("%d messages, %d readers; %d gaps told, from crashes", len(c.acked), len(seen), gaps)
}

// disturbUntil calls f now and then until the publishers are through.
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
	server := memcachedtest.Start(t)
	c := newChecker(t, server, "checked")
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
			c := newChecker(t, server, "checked")
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
