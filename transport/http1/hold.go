package http1

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
)

// hold leaves a request open. It wants c.mu.
func (c *conn) hold(w *response) {
	c.state, c.held = holding, w.held
	if w.known == nil {
		c.header = w.Header().Clone()
	}
	if c.timer == nil {
		c.timer = time.AfterFunc(w.atMost, c.expire)
	} else {
		c.timer.Reset(w.atMost)
	}
	if c.known.again { // it stays, and polls
		c.detach()
	}
	w.free()
	if len(c.in) == 0 {
		c.arm() // for the client's going away
	}
	c.holds.Store(true)
	if c.woken.Load() || c.server.stopping.Load() {
		c.queue()
	}
}

// release ends holding. It wants c.mu.
func (c *conn) release() transport.Held {
	held := c.held
	if held != nil {
		c.holds.Store(false)
		c.timer.Stop()
		c.held, c.header, c.late = nil, nil, false
	}
	return held
}

// wake is what transport.Holder's Waker gives.
func (c *conn) wake() {
	c.woken.Store(true) // before the look at holds; hold does it the other way round
	if c.holds.Load() {
		c.queue()
	}
}

// expire is the timer's.
func (c *conn) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == holding {
		c.late = true // or soon: the timer of the request before would do no harm
		c.queue()
	}
}

// queue has a shard look: the first that has not much to do.
func (c *conn) queue() {
	if c.queued.Swap(true) {
		return
	}
	shards := c.server.shards
	for _, d := range shards {
		if d.depth.Load() < manyDue {
			d.push(c)
			return
		}
	}
	shards[c.server.spilt.Add(1)%uint32(len(shards))].push(c)
}

// look is the shard's: is there an answer by now?
func (c *conn) look() {
	c.queued.Store(false) // a wake-up from here on counts for another look
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != holding {
		return
	}
	c.woken.Store(false)
	w := c.newResponse(nil)
	if w.base = c.header; w.base == nil {
		w.known, w.base = c.known, c.known.header
	}
	switch answered, ok := c.ask(w); {
	case !ok:
		c.release().Drop()
		c.cut()
		return
	case !answered:
		w.free()
		return
	}
	c.release()
	if c.answer(w); c.state == reading && !c.armed {
		c.server.cfg.Poller.Go(c) // more has come meanwhile
	}
}

// ask asks for an answer, and reports whether it came to an end of that. It
// wants c.mu.
func (c *conn) ask(w *response) (answered, ok bool) {
	defer func() {
		if !ok {
			c.report(recover(), "a held request")
		}
	}()
	return c.held.Answer(w, c.late || c.server.stopping.Load()), true
}

// peek looks why a client says something while its answer is held: because it
// is gone, or because it can't wait with its next request. It wants c.mu.
func (c *conn) peek() {
	buf := c.server.buffers.Get().(*[readSize]byte)
	defer c.server.buffers.Put(buf)
	in, err := c.read(buf[:])
	switch {
	case errors.Is(err, netpoll.ErrIdle):
		c.arm()
	case err != nil:
		c.end()
	default:
		c.keep(in, false)              // and read no more until the answer is given
		if c.server.ctx.Err() != nil { // or never: the end that abort has made was behind it
			c.end()
		}
	}
}

// stop is for a Server that stops.
func (c *conn) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == holding:
		c.queue()
	case c.state == reading && c.armed && len(c.in) == 0:
		c.endInput()
	}
}

// A shard answers held requests. There is one for each CPU, so that a message
// for many of them starts no goroutine; a message for few is the first one's
// work, in turn with the Poller, and wakes no other CPU.
type shard struct {
	turn  sync.Locker  // nil: it works beside the Poller
	depth atomic.Int64 // conns that it is to look at

	mu   sync.Mutex
	due  []*conn
	some chan struct{} // capacity 1
	end  chan struct{}
}

const (
	// manyDue is how many conns are left to one shard: some milliseconds of work.
	manyDue = 512
	// atATime is how many it looks at before it is the Poller's turn again.
	atATime = 128
)

func newShard(turn sync.Locker) *shard {
	return &shard{turn: turn, some: make(chan struct{}, 1), end: make(chan struct{})}
}

func (d *shard) push(c *conn) {
	d.depth.Add(1)
	d.mu.Lock()
	d.due = append(d.due, c)
	first := len(d.due) == 1
	d.mu.Unlock()
	if first {
		d.some <- struct{}{} // has room: run took the last one along with all that was due
	}
}

func (d *shard) run() {
	var due []*conn
	for {
		select {
		case <-d.some:
		case <-d.end:
			return
		}
		d.mu.Lock()
		due, d.due = d.due, due[:0]
		d.mu.Unlock()
		for some := range slices.Chunk(due, atATime) {
			d.look(some)
		}
	}
}

func (d *shard) look(due []*conn) {
	if d.turn != nil {
		d.turn.Lock()
		defer d.turn.Unlock()
	}
	for i, c := range due {
		c.look()
		due[i] = nil
		d.depth.Add(-1)
	}
}

func (d *shard) stop() { close(d.end) }
