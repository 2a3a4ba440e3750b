package memcache

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/commchannel/gateway/store"
)

// A write takes a channel's lock and four ways to memcached and back, whatever
// it writes. So all changes of a channel that wait at that moment go together.
// These bound how long the lock is held for them.
const (
	maxBatch      = 256       // changes
	maxBatchBytes = 512 << 10 // of their ids and values; one alone may pass it
)

// A change is what one call wants of a channel's document.
type change struct {
	ctx    context.Context
	apply  func(d *document) // may be called more than once, the last call counts
	size   int               // of what is written, in bytes
	begun  time.Time
	result chan error // holds one
}

// queues are the channels that have changes to be written.
type queues struct {
	mu sync.Mutex
	of map[string]*queue
}

// A queue is one channel's, there for as long as it has a writer: first the
// call that made it, then a goroutine while there is more.
type queue struct {
	channel string
	limit   int       // the writer's: how many changes to try at once
	waiting []*change // guarded by queues.mu; in the order in which they came
}

// enter puts c at the end of channel's queue. Where first is set, the queue is
// a new one and needs a writer.
func (qs *queues) enter(channel string, c *change) (q *queue, first bool) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q, ok := qs.of[channel]
	if !ok {
		q = &queue{channel: channel, limit: maxBatch}
		qs.of[channel] = q
	}
	q.waiting = append(q.waiting, c)
	return q, !ok
}

// leave takes c away, unless the writer has it.
func (qs *queues) leave(q *queue, c *change) (left bool) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	i := slices.Index(q.waiting, c)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// goesOn reports whether q has work for its writer; else q is no more.
func (qs *queues) goesOn(q *queue) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if len(q.waiting) == 0 {
		delete(qs.of, q.channel)
	}
	return len(q.waiting) > 0
}

// expire ends the waiting of those who lost patience, and reports whether
// others are left.
func (qs *queues) expire(q *queue, now time.Time) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(c *change) bool {
		late := now.Sub(c.begun) > lockPatience
		if late {
			c.result <- fmt.Errorf("%w: no turn to write to channel %q within %v", store.ErrUnavailable, q.channel, lockPatience)
		}
		return late
	})
	return len(q.waiting) > 0
}

// fail ends the waiting of all.
func (qs *queues) fail(q *queue, err error) {
	for _, c := range qs.takeAll(q) {
		c.result <- err
	}
}

func (qs *queues) takeAll(q *queue) []*change {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// take gives the next ones to be written together.
func (qs *queues) take(q *queue) []*change {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	n, size := 0, 0
	for n < min(len(q.waiting), q.limit) {
		size += q.waiting[n].size
		if n > 0 && size > maxBatchBytes {
			break
		}
		n++
	}
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return batch
}

// putBack lets a batch wait again, before all others. Whose context has ended
// meanwhile does not: it could not leave, and now it can.
func (qs *queues) putBack(q *queue, batch []*change) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	batch = slices.DeleteFunc(batch, func(c *change) bool {
		err := c.ctx.Err()
		if err != nil {
			c.result <- err
		}
		return err != nil
	})
	q.waiting = append(batch, q.waiting...)
}
