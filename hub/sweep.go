package hub

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// inline is how many subscribers a channel's goroutine sweeps alone, and how
// many it or a worker takes at a time where there are more.
const inline = 64

// heads are how far a channel's log and its twin go.
type heads struct{ log, twin int64 }

// A sweeper lets every subscriber of a channel see up to the head, and
// flushes it. The hub's workers help with the large ones.
type sweeper struct {
	subs    []*subscriber
	heads   heads
	seen    *senders
	begin   int          // the subscriber that is first: another each time, so that none is always the last
	next    atomic.Int64 // what nobody has taken yet, counted from begin
	helpers sync.WaitGroup
}

// sweep wants c.mu, and holds it until all is flushed.
func (s *sweeper) sweep(c *channel) {
	if len(c.subs) == 0 {
		return
	}
	s.subs, s.seen, s.heads = c.subs, &c.seen, heads{c.log.head().off, c.twin.head()}
	s.begin = int(s.heads.log % int64(len(s.subs)))
	s.next.Store(0)
	for range min(runtime.GOMAXPROCS(0), len(s.subs)/inline) - 1 {
		s.helpers.Add(1)
		select {
		case c.hub.sweeps <- s:
		default: // they are busy
			s.helpers.Done()
		}
	}
	s.work()
	s.helpers.Wait()
}

// work takes subscribers until none is left.
func (s *sweeper) work() {
	n := len(s.subs)
	for {
		from := int(s.next.Add(inline)) - inline
		if from >= n {
			return
		}
		for i := from; i < min(from+inline, n); i++ {
			s.subs[(s.begin+i)%n].advance(s.heads, s.seen)
		}
	}
}

// help is a worker of the hub's.
func (h *Hub) help() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case s := <-h.sweeps:
			s.work()
			s.helpers.Done()
		}
	}
}
