package memcache

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/store"
)

// The lock of a channel is PHP's: an item that whoever adds it holds.
const (
	lockTTL = 5 // seconds
	// lockGood is for how long a lock is trusted. memcached counts whole
	// seconds, so that one may end after four.
	lockGood = 4 * time.Second
	// lockPatience outlasts the lock of a process that died holding it.
	lockPatience = 6 * time.Second
	lockWaitMin  = 100 * time.Microsecond
	lockWaitMax  = 2 * time.Millisecond
)

// An edit looks at a channel's document and returns its new text, or nil
// where nothing is to be written. It may be called more than once.
type edit func(d *document) ([]byte, error)

// update changes a channel's document under its lock.
func (s *Store) update(ctx context.Context, channel string, change edit) error {
	begun := s.cfg.Clock()
	done, err := s.turns.take(ctx, s.stop, channel)
	if err != nil {
		return err
	}
	defer done()
	for {
		taken, err := s.lock(ctx, channel, begun)
		if err != nil {
			return err
		}
		written, err := s.updateLocked(ctx, channel, taken, change)
		if s.cfg.Clock().Sub(taken) < lockGood {
			// Else it may be another's by now. Where the delete fails, the
			// lock ends by itself.
			_ = s.server.remove(s.lockKey(channel))
		}
		if written || err != nil {
			return err
		}
		if s.cfg.Clock().Sub(begun) > lockPatience {
			return fmt.Errorf("%w: channel %q changed under its lock", store.ErrUnavailable, channel)
		}
	}
}

// lock takes the channel's lock. The time is from before it was taken.
func (s *Store) lock(ctx context.Context, channel string, begun time.Time) (taken time.Time, err error) {
	item := &memcache.Item{Key: s.lockKey(channel), Value: []byte("1"), Flags: flagsLock, Expiration: lockTTL}
	for wait := lockWaitMin; ; wait = min(2*wait, lockWaitMax) {
		if err := ctx.Err(); err != nil {
			return taken, err
		}
		taken = s.cfg.Clock()
		if ok, err := s.server.add(item); ok || err != nil {
			return taken, err
		}
		if s.cfg.Clock().Sub(begun) > lockPatience {
			return taken, fmt.Errorf("%w: channel %q stays locked by another writer", store.ErrUnavailable, channel)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return taken, ctx.Err()
		case <-s.stop:
			return taken, store.ErrClosed
		}
	}
}

// updateLocked reads, changes and writes. written is false where the document
// changed in between or the lock grew old; then all is to be done again.
func (s *Store) updateLocked(ctx context.Context, channel string, taken time.Time, change edit) (written bool, err error) {
	item, err := s.server.get(s.key(channel))
	if err != nil {
		return false, err
	}
	d, err := unpack(item)
	if err != nil {
		return false, err
	}
	text, err := change(d.pruned(s.cfg.Clock()))
	if err != nil || text == nil {
		return err == nil, err
	}
	next := memcache.Item{Key: s.key(channel), Expiration: ttl}
	if err := s.packer.pack(&next, text); err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if s.cfg.Clock().Sub(taken) >= lockGood {
		return false, nil
	}
	if item == nil {
		return s.server.add(&next)
	}
	next.CasID = item.CasID
	return s.server.swap(&next)
}

// turns lets one writer of this process after the other at a channel's lock:
// against each other they would only wait in memcached.
type turns struct {
	mu      sync.Mutex
	writers map[string]*turn
}

type turn struct {
	free  chan struct{} // holds one thing while nobody has the turn
	users int           // under turns.mu: who has it or waits
}

// take waits for the turn, at most lockPatience. done gives it back.
func (t *turns) take(ctx context.Context, stop <-chan struct{}, channel string) (done func(), err error) {
	w := t.enter(channel)
	select {
	case <-w.free: // the usual case, without a timer
	default:
		late := time.NewTimer(lockPatience)
		defer late.Stop()
		select {
		case <-w.free:
		case <-ctx.Done():
			err = ctx.Err()
		case <-stop:
			err = store.ErrClosed
		case <-late.C:
			err = fmt.Errorf("%w: too many writers wait for channel %q", store.ErrUnavailable, channel)
		}
	}
	if err != nil {
		t.leave(channel, w)
		return nil, err
	}
	return func() {
		w.free <- struct{}{}
		t.leave(channel, w)
	}, nil
}

func (t *turns) enter(channel string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.writers[channel]
	if !ok {
		w = &turn{free: make(chan struct{}, 1)}
		w.free <- struct{}{}
		t.writers[channel] = w
	}
	w.users++
	return w
}

func (t *turns) leave(channel string, w *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.users--; w.users == 0 {
		delete(t.writers, channel)
	}
}
