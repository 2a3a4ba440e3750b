package memlog

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/commchannel/gateway/store"
)

const (
	// maxBatch bounds the messages that begin their way with one exchange,
	// and maxBatchBytes their texts.
	maxBatch      = 256
	maxBatchBytes = 1 << 20
	// maxEach bounds those of one channel: with all that are on their way, for
	// three exchanges, below window, so that some that stall do not look like
	// the end of what is kept.
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

// enqueue has r published: it goes along with the next exchange.
func (v *server) enqueue(r *request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, r)
	if !v.publishing {
		v.publishing = true
		v.store.done.Go(v.publishAll)
	}
}

// publishAll has one exchange with the server after the other, until nothing
// waits and nothing is on its way.
func (v *server) publishAll() {
	ctx := context.Background() // each exchange has its time-out
	var rs []*request
	for {
		if rs = v.takeOn(rs); len(rs) == 0 {
			return
		}
		v.exchange(ctx, rs)
		rest := v.settle(ctx, rs)
		if len(rest) < len(rs) {
			runtime.Gosched() // who was told may have more to publish: it goes along
		}
		rs = rest
	}
}

// takeOn appends what waits; what is over stays in its order. Where nothing is
// on its way then, publishing ends.
func (v *server) takeOn(rs []*request) []*request {
	v.mu.Lock()
	defer v.mu.Unlock()
	var rest []*request
	each := make(map[string]int)
	count, size := 0, 0
	for i, r := range v.queue {
		if count == maxBatch || size > maxBatchBytes {
			rest = append(rest, v.queue[i:]...)
			break
		}
		if each[r.name] == maxEach {
			rest = append(rest, r)
			continue
		}
		each[r.name]++
		count++
		size += len(r.text)
		v.dropStale(r)
		rs = append(rs, r)
	}
	v.queue = rest
	v.publishing = len(rs) > 0
	return rs
}

// settle tells of what is settled, and returns what is not. Where the way is
// not straight it is gone apart: let nobody wait for these.
func (v *server) settle(ctx context.Context, rs []*request) (rest []*request) {
	var settled, astray []*request
	for _, r := range rs {
		switch {
		case r.settled():
			settled = append(settled, r)
		case r.step == stepAstray, r.step == stepPut && !r.usable():
			astray = append(astray, r)
		default:
			rest = append(rest, r)
		}
	}
	v.finish(ctx, settled)
	if len(astray) > 0 {
		v.store.done.Go(func() {
			for _, r := range astray {
				v.resolve(ctx, r)
			}
			v.finish(ctx, astray)
		})
	}
	return rest
}

// dropStale refuses what has waited so long that the server must be in trouble:
// else a queue would stand there long after it has come back.
func (v *server) dropStale(r *request) {
	if waited := time.Since(r.since); waited > 2*v.store.cfg.Timeout {
		r.fail(fmt.Errorf("%w: memcached %s: in the queue for %v", store.ErrUnavailable, v.addr, waited))
	}
}

// finish tells of what is settled.
func (v *server) finish(ctx context.Context, rs []*request) {
	v.hintAll(rs)
	v.giveBack(ctx, rs)
	for _, r := range rs {
		close(r.done)
	}
}
