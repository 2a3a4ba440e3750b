// Package memory is the store that lives in the gateway's own memory: for a
// single gateway, for trying things out, and for tests. All it holds ends
// with the process; cursors from before are answered with a gap.
package memory

import (
	"cmp"
	"container/list"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A Config bounds a store. A zero field means its default.
type Config struct {
	MaxMessages int           // kept of one channel; 1000
	MaxBytes    int           // of the texts kept of one channel, and so of one message; 1 MiB
	MaxAge      time.Duration // of a message, since it was appended; 10 minutes
	// MaxChannels bounds the channels that have or had messages; 10 000. A
	// new one takes the place of that which was written to longest ago and
	// is not watched.
	MaxChannels int
	// MaxClients bounds the places kept by SetClientCursor, of all channels;
	// 10 000. A new one takes the place of that used longest ago.
	MaxClients int
	Clock      func() time.Time // time.Now
}

// check fills in the defaults.
func (c Config) check() (Config, error) {
	if c.MaxMessages < 0 || c.MaxBytes < 0 || c.MaxAge < 0 || c.MaxChannels < 0 || c.MaxClients < 0 {
		return c, fmt.Errorf("memory: a bound is negative: %d messages, %d bytes, age %v, %d channels, %d clients",
			c.MaxMessages, c.MaxBytes, c.MaxAge, c.MaxChannels, c.MaxClients)
	}
	c.MaxMessages = cmp.Or(c.MaxMessages, 1000)
	c.MaxBytes = cmp.Or(c.MaxBytes, 1<<20)
	c.MaxAge = cmp.Or(c.MaxAge, 10*time.Minute)
	c.MaxChannels = cmp.Or(c.MaxChannels, 10_000)
	c.MaxClients = cmp.Or(c.MaxClients, 10_000)
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c, nil
}

// A Store keeps messages in memory. One mutex guards all of it: no call holds
// it for longer than the copying of a page.
type Store struct {
	cfg  Config
	boot string // in every cursor: another process never takes it for its own

	stop chan struct{}  // closed by Close
	done sync.WaitGroup // the sweeper, and ends of watching under way

	mu       sync.Mutex
	closed   bool
	channels map[string]*channel
	idle     *list.List // of *channel nobody watches, longest ago written first
	evicted  uint64     // channels evicted so far
	watchers map[string]map[*watcher]struct{}
	clients  clients
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.Pinger        = (*Store)(nil)
	_ store.ClientCursors = (*Store)(nil)
)

// New makes a store. Its error tells of a bound that can't be.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg:      cfg,
		boot:     rand.Text()[:10],
		stop:     make(chan struct{}),
		channels: make(map[string]*channel),
		idle:     list.New(),
		watchers: make(map[string]map[*watcher]struct{}),
		clients:  newClients(cfg.MaxClients),
	}
	s.done.Go(s.sweep)
	return s, nil
}

// Append gives m a place. A text beyond Config.MaxBytes is store.ErrTooLarge;
// a new channel while all are watched is store.ErrFull.
func (s *Store) Append(ctx context.Context, name string, m store.Message) (protocol.Cursor, error) {
	return s.AppendUnheard(ctx, name, m, nil)
}

// AppendUnheard is Append, but does not hint at watch, which Watch gave for
// the same channel: for a publisher who tells its reader otherwise.
func (s *Store) AppendUnheard(ctx context.Context, name string, m store.Message, watch <-chan struct{}) (protocol.Cursor, error) {
	if err := protocol.CheckMessageID(m.ID); err != nil {
		return "", err
	}
	if len(m.Text) > s.cfg.MaxBytes {
		return "", fmt.Errorf("memory: message of %d bytes, the most is %d: %w", len(m.Text), s.cfg.MaxBytes, store.ErrTooLarge)
	}
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	ch, err := s.provide(name)
	if err != nil {
		return "", err
	}
	now := s.cfg.Clock()
	c, isNew := ch.add(m, now)
	if isNew {
		ch.trim(s.cfg, now)
		for w := range s.watchers[name] {
			if w.hints != watch {
				w.hint()
			}
		}
	}
	return c, nil
}

// Read returns a page; see store.Store.
func (s *Store) Read(ctx context.Context, name string, after protocol.Cursor, limit int) (store.Page, error) {
	if err := s.lock(ctx); err != nil {
		return store.Page{}, err
	}
	defer s.mu.Unlock()
	ch, ok := s.channels[name]
	if !ok {
		begin := newCursor(s.epoch(name), 0)
		return store.Page{Cursor: begin, Gap: after != "" && after != begin}, nil
	}
	ch.trim(s.cfg, s.cfg.Clock())
	return ch.page(after, limit), nil
}

// Tail returns the place at the end. It makes no channel: one that nobody
// wrote to takes no room.
func (s *Store) Tail(ctx context.Context, name string) (protocol.Cursor, error) {
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	if ch, ok := s.channels[name]; ok {
		return newCursor(ch.epoch, ch.last), nil
	}
	return newCursor(s.epoch(name), 0), nil
}

// Ping has nothing to reach.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	s.mu.Unlock()
	return nil
}

// Close ends the store and forgets all it held.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.closed = true
	s.forgetWatchers()
	s.channels, s.clients = nil, clients{}
	s.idle.Init()
	s.mu.Unlock()
	close(s.stop)
	s.done.Wait()
	return nil
}

// lock takes s.mu unless ctx has ended or s is closed.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// provide finds a channel or makes it, and notes that it is being written to.
// Under mu.
func (s *Store) provide(name string) (*channel, error) {
	if ch, ok := s.channels[name]; ok {
		if ch.idle != nil {
			s.idle.MoveToBack(ch.idle)
		}
		return ch, nil
	}
	if len(s.channels) >= s.cfg.MaxChannels {
		oldest := s.idle.Front()
		if oldest == nil {
			return nil, fmt.Errorf("memory: all of %d channels are watched: %w", len(s.channels), store.ErrFull)
		}
		delete(s.channels, s.idle.Remove(oldest).(*channel).name)
		s.evicted++
	}
	ch := &channel{name: name, epoch: s.epoch(name), ids: make(map[string]uint64)}
	if len(s.watchers[name]) == 0 {
		ch.idle = s.idle.PushBack(ch)
	}
	s.channels[name] = ch
	return ch, nil
}

// sweep drops messages that are too old, also from channels nobody asks for.
func (s *Store) sweep() {
	// A message outlives its age by a quarter at most; readers don't see it.
	ticker := time.NewTicker(max(s.cfg.MaxAge/4, time.Second))
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		now := s.cfg.Clock()
		for _, ch := range s.channels {
			ch.trim(s.cfg, now)
		}
		s.mu.Unlock()
	}
}
