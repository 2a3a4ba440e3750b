package memlog

import (
	"context"
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

const (
	// maxBatch bounds the messages of a batch, and maxBatchBytes their texts.
	maxBatch      = 256
	maxBatchBytes = 1 << 20
	// maxUnderWay is how many batches may be on their way to one server: where
	// the way there and back is what takes the time, one alone leaves it idle.
	// With more of them each would be smaller, and all be slower.
	maxUnderWay = 3
	// maxEach bounds the messages of one channel in a batch: with all batches
	// below window, so that some that stall do not look like the end of what is
	// kept.
	maxEach = 16

	// claimTTL is for how long an id is known, in seconds: two minutes and
	// some more, as memcached may end a life a second early.
	claimTTL = 125
	// maxStall is for how long a number may be used after it was given out.
	maxStall = 30 * time.Second
	// tombstoneTTL is how long a tombstone outlives whoever might yet want to
	// use its number: maxStall and claimTTL one after the other, nearly twice.
	tombstoneTTL = 300
)

// A request is a message on its way. It belongs to Append's caller before
// enqueue and after done, and to one publishing goroutine in between.
type request struct {
	name  string
	id    string
	text  []byte
	since time.Time
	done  chan struct{} // closed with cursor or err set

	cursor protocol.Cursor
	err    error

	own      place // allotted and not used yet, n 0 for none
	allotted time.Time
	at       place   // where to put it: its own, or the one that its id was claimed for
	claimed  outcome // of claim
}

func (r *request) settled() bool { return r.cursor != "" || r.err != nil }

// use notes that the slot at r.at is written, if it is r's own.
func (r *request) use() {
	if r.own == r.at {
		r.own = place{}
	}
}

// enqueue has r published. What waits while batches are on their way becomes
// the next one: the more is sent, the fewer are the ways there and back.
func (v *server) enqueue(r *request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, r)
	if v.publishing < maxUnderWay {
		v.publishing++
		v.store.done.Go(v.publishAll)
	}
}

// publishAll publishes batches, one after the other, until nothing waits.
func (v *server) publishAll() {
	ctx := context.Background() // each exchange has its time-out
	for {
		batch := v.nextBatch()
		if len(batch) == 0 {
			return
		}
		v.publish(ctx, batch)
		settled, rest := split(batch)
		v.finish(ctx, settled)
		if len(rest) > 0 {
			v.store.done.Go(func() { // let nobody wait for these
				for _, r := range rest {
					v.resolve(ctx, r)
				}
				v.finish(ctx, rest)
			})
		}
	}
}

func split(batch []*request) (settled, rest []*request) {
	for _, r := range batch {
		if r.settled() {
			settled = append(settled, r)
		} else {
			rest = append(rest, r)
		}
	}
	return settled, rest
}

// finish tells of what is settled.
func (v *server) finish(ctx context.Context, rs []*request) {
	v.hintAll(rs)
	v.giveBack(ctx, rs)
	for _, r := range rs {
		close(r.done)
	}
}

// nextBatch takes from the queue; what is over stays in its order.
func (v *server) nextBatch() []*request {
	v.mu.Lock()
	defer v.mu.Unlock()
	var batch, rest []*request
	each := make(map[string]int)
	size := 0
	for i, r := range v.queue {
		if len(batch) == maxBatch || size > maxBatchBytes {
			rest = append(rest, v.queue[i:]...)
			break
		}
		if each[r.name] == maxEach {
			rest = append(rest, r)
			continue
		}
		each[r.name]++
		size += len(r.text)
		batch = append(batch, r)
	}
	v.queue = rest
	if len(batch) == 0 {
		v.publishing--
	}
	return batch
}

// publish settles requests, in three exchanges; all but those whose id is
// claimed already, or whose number was closed.
func (v *server) publish(ctx context.Context, batch []*request) {
	waiting := v.dropStale(batch)
	for _, step := range []func(context.Context, []*request) error{v.allot, v.claim, v.putOwn} {
		if err := step(ctx, waiting); err != nil {
			failAll(waiting, err)
			return
		}
	}
}

func failAll(rs []*request, err error) {
	for _, r := range rs {
		if !r.settled() {
			r.err = err
		}
	}
}

// dropStale refuses what has waited so long that the server must be in trouble:
// else a queue would stand there long after it has come back.
func (v *server) dropStale(batch []*request) (fresh []*request) {
	for _, r := range batch {
		if waited := time.Since(r.since); waited > 2*v.store.cfg.Timeout {
			r.err = fmt.Errorf("%w: memcached %s: in the queue for %v", store.ErrUnavailable, v.addr, waited)
			continue
		}
		fresh = append(fresh, r)
	}
	return fresh
}
