package memcache

import (
	"math/rand/v2"
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

// lock takes the lock of q's channel. since is from before it was taken. ok is
// false where nobody waits for it any more, or it was not to be waited for.
func (s *Store) lock(q *queue, patient bool) (since time.Time, ok bool) {
	item := &memcache.Item{Key: s.lockKey(q.channel), Value: []byte("1"), Flags: flagsLock, Expiration: lockTTL}
	for wait := lockWaitMin; ; wait = min(2*wait, lockWaitMax) {
		since = s.cfg.Clock()
		if !s.queues.expire(q, since) {
			return since, false
		}
		ok, err := s.server.add(item)
		if ok {
			return since, true
		}
		if err != nil {
			s.queues.fail(q, err)
			return since, false
		}
		if !patient {
			return since, false
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-s.stop:
			s.queues.fail(q, store.ErrClosed)
			return since, false
		}
	}
}

// unlock gives the lock back, unless it may be another's by now.
func (s *Store) unlock(channel string, since time.Time) {
	if s.cfg.Clock().Sub(since) < lockGood {
		_ = s.server.remove(s.lockKey(channel)) // where that fails, the lock ends by itself
	}
}
