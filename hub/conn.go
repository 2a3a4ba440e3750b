package hub

import (
	"fmt"
	"sync"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A Sink is the connection under a Conn. The Conn calls one of its methods at
// a time, but for Abort.
type Sink interface {
	// TryWrite writes as much of p as goes without waiting and returns how
	// much that was: less than len(p), or nothing, is no error.
	TryWrite(p []byte) (int, error)
	// Write writes all of p. It may wait, until a deadline of its own.
	Write(p []byte) error
	// Finish is called once everything was written, the Codec's Close last.
	// It must not wait; the peer has a while to say goodbye in turn.
	Finish()
	// Abort ends the connection at once. It must not wait.
	Abort()
}

// pendingBound is how many bytes of answers may wait for a connection that
// takes none: 256 KiB.
const pendingBound = 256 << 10

// The states of a Conn.
const (
	idle     = iota // all that may be written is written
	draining        // a goroutine is writing what the socket did not take
	ended
)

// errEnded is what a Conn that was cut off or closed says.
var errEnded = fmt.Errorf("hub: connection ended: %w", store.ErrClosed)

// A Conn is a connection's side of the hub: who it is, what it is subscribed
// to, and the order in which bytes reach its Sink. Identify, Pack, Subscribe,
// Unsubscribe and Close are for one goroutine, the one that reads the
// connection; the others may be called from any.
type Conn struct {
	// static
	hub  *Hub
	sink Sink

	// guarded by mu
	mu       sync.Mutex
	state    int
	closing  bool   // the Codec's Close is written or waits in out
	clientID string // set once, before the first subscription
	packs    bool   // takes compressed frames; as clientID
	subs     []*subscriber
	turn     int           // of subs, which one a drain serves next
	rest     []byte        // what is left of a write that the socket took in part
	out      []byte        // what waits for rest, and for the ranges before it
	answers  int           // bytes of it that nobody subscribed to
	drained  chan struct{} // closed when the latest drain has ended
}

// NewConn makes the Conn of a connection. It wants Close.
func (h *Hub) NewConn(sink Sink) *Conn { return &Conn{hub: h, sink: sink} }

// Identify sets the client id, by which one's own messages are left out. It
// is called once, before the first Subscribe.
func (c *Conn) Identify(clientID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clientID = clientID
}

// Pack says that the peer takes compressed frames. It is called once, before
// the first Subscribe, and wants a Codec that has a Pack, too.
func (c *Conn) Pack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packs = true
}

// Send writes a frame, behind all that is waiting to be written.
func (c *Conn) Send(f *protocol.ServerFrame) { c.SendBehind(nil, f) }

// SendBehind writes a frame in one piece with what comes before it.
func (c *Conn) SendBehind(first []byte, f *protocol.ServerFrame) {
	a := c.hub.answers.Get().(*answer)
	a.text = f.Append(a.text[:0])
	a.framed = c.hub.cfg.Codec.Frame(append(a.framed[:0], first...), a.text)
	c.Raw(a.framed)
	if cap(a.framed) <= mostAnswer {
		c.hub.answers.Put(a)
	}
}

// An answer is room to make one in.
type answer struct{ text, framed []byte }

// mostAnswer is how large an answer is, in bytes, whose room is kept for others:
// of "presence" there may be very large ones.
const mostAnswer = 4 << 10

func newAnswer() any { return &answer{} }

// Raw writes bytes that are a frame already, whole, between two frames. It
// does not keep p.
func (c *Conn) Raw(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
	case c.answers+len(p) > pendingBound:
		c.end(protocol.CloseTooSlow, "too many answers waiting")
	default:
		if c.state == draining {
			c.answers += len(p)
		}
		c.write(p)
	}
}

// write wants c.mu. It does not keep p.
func (c *Conn) write(p []byte) {
	switch c.state {
	case ended:
	case draining:
		c.out = append(c.out, p...)
	case idle:
		n, err := c.sink.TryWrite(p)
		if err != nil {
			c.fail()
		} else if n < len(p) {
			c.rest = append([]byte(nil), p[n:]...)
			c.drain()
		}
	}
}

// flush writes what s may see. It wants c.mu.
func (c *Conn) flush(s *subscriber) {
	for c.state == idle {
		p, after := s.next()
		if len(p) == 0 {
			return
		}
		n, err := c.sink.TryWrite(p)
		if err != nil {
			c.fail()
			return
		}
		s.at = after
		if n < len(p) {
			c.rest = p[n:] // shared, never changed
			c.drain()
		}
	}
}

// drain starts the goroutine that writes what the socket did not take. It
// wants c.mu and state idle.
func (c *Conn) drain() {
	c.state = draining
	drained := make(chan struct{})
	c.drained = drained
	c.hub.running.Go(func() {
		defer close(drained)
		for p := c.nextWrite(); len(p) > 0; p = c.nextWrite() {
			if c.sink.Write(p) != nil {
				c.mu.Lock()
				c.fail()
				c.mu.Unlock()
				return
			}
		}
	})
}

// nextWrite is what the drain writes next: first what is left of a frame,
// then answers, then channels in turn. With nothing left the Conn is idle.
func (c *Conn) nextWrite() (p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended {
		return nil
	}
	if len(c.rest) > 0 {
		p, c.rest = c.rest, nil
		return p
	}
	if len(c.out) > 0 {
		p, c.out, c.answers = c.out, nil, 0
		return p
	}
	for range c.subs {
		c.turn = (c.turn + 1) % len(c.subs)
		s := c.subs[c.turn]
		if p, after := s.next(); len(p) > 0 {
			s.at = after
			return p
		}
	}
	c.state = idle
	if c.closing {
		c.finish()
	}
	return nil
}

// Cut ends the connection for a reason: what is being written is finished to
// the end of its frame, then the peer is told why. It does not wait.
func (c *Conn) Cut(code protocol.CloseCode, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(code, reason)
}

// end wants c.mu.
func (c *Conn) end(code protocol.CloseCode, reason string) {
	if c.closing || c.state == ended {
		return
	}
	c.closing = true
	for _, s := range c.subs {
		s.limit = s.at.off // nothing more of the channels
		s.ended = true
	}
	bye := c.hub.cfg.Codec.Close(nil, code, reason)
	if c.state == draining {
		c.out = append(c.out, bye...)
		return
	}
	if c.write(bye); c.state == idle {
		c.finish()
	}
}

// finish wants c.mu.
func (c *Conn) finish() {
	c.state = ended
	c.sink.Finish()
}

// fail ends a connection that can't be written to any more. It wants c.mu.
func (c *Conn) fail() {
	if c.state != ended {
		c.state = ended
		c.rest, c.out = nil, nil
		c.sink.Abort()
	}
}

// Close leaves all channels. It is for whoever made the Conn, once it reads no
// more; what a Cut has to tell is still written, and Close waits for it. The
// Sink may then be closed.
func (c *Conn) Close() {
	c.mu.Lock()
	subs := c.subs
	c.subs = nil
	var drained chan struct{}
	if c.closing && c.state == draining {
		drained = c.drained
	} else {
		c.state = ended
		c.rest, c.out = nil, nil
	}
	c.mu.Unlock()
	for _, s := range subs {
		s.leave(true)
	}
	if drained != nil {
		<-drained
	}
}
