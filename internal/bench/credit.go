package bench

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// window is how many messages may be on their way to subscribers when as
	// many are published as go: enough to keep the server busy, and few enough
	// that no subscriber falls behind its bound.
	window = 256
	// windowBytes bounds it where messages are long.
	windowBytes = 256 << 10
)

// A credit counts deliveries, so that publishers know what is on its way.
type credit struct {
	// static
	perMessage int64           // deliveries of one message, on the average
	step       int64           // deliveries between two signals
	changed    []chan struct{} // by publisher

	expected atomic.Int64 // deliveries of what was published
	came     atomic.Int64
}

func newCredit(l layout, publishers int) *credit {
	c := &credit{perMessage: max(int64(l.subscribers*l.each/l.channels), 1)}
	c.step = c.perMessage * window / 16
	for range publishers {
		c.changed = append(c.changed, make(chan struct{}, 1))
	}
	return c
}

// delivered counts n deliveries.
func (c *credit) delivered(n int64) {
	if now := c.came.Add(n); now%c.step >= n {
		return
	}
	for _, changed := range c.changed {
		select {
		case changed <- struct{}{}:
		default: // it will look
		}
	}
}

// room waits until a publisher may send, and returns how many messages: some
// at a time, as a publisher with much to say would send them. most is the
// window, in messages. It returns 0 once ctx has ended.
func (c *credit) room(ctx context.Context, publisher, most int) int {
	for {
		free := most - int((c.expected.Load()-c.came.Load())/c.perMessage)
		if n := free / len(c.changed); n >= max(1, most/4/len(c.changed)) && ctx.Err() == nil {
			return n
		}
		select {
		case <-ctx.Done():
			return 0
		case <-c.changed[publisher]:
		case <-time.After(20 * time.Millisecond): // the last few may not signal
		}
	}
}

// wait waits for all expected deliveries, as long as one comes within each
// patience. It returns when the last one came.
func (c *credit) wait(ctx context.Context, patience time.Duration) time.Time {
	last, since := c.came.Load(), time.Now()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for last < c.expected.Load() && time.Since(since) < patience {
		select {
		case <-ctx.Done():
			return since
		case <-tick.C:
		}
		if now := c.came.Load(); now != last {
			last, since = now, time.Now()
		}
	}
	return since
}
