package bench

import (
	"fmt"
	"io"
	"time"
)

// A client is one end of a connection: what came, and what is to be said. It
// belongs to one goroutine.
type client struct {
	session Session
	inbox   Inbox
	rest    []byte // came, but is not taken yet
}

// open is what it says first.
func (c *client) open() []byte {
	said, ready := c.session.Open(nil)
	c.inbox.ready = ready
	return said
}

const (
	leastRoom = 8 << 10 // bytes, for a read
	mostRest  = 2 * maxFrame
)

// receive reads once, by way of buf, and takes what came. It returns the
// buffer, which may have grown. Its error is read's, or the session's.
func (c *client) receive(buf []byte, read func(p []byte) (int, error)) ([]byte, error) {
	if need := 2*len(c.rest) + leastRoom; len(buf) < need {
		buf = make([]byte, 2*need)
	}
	have := copy(buf, c.rest)
	n, err := read(buf[have:])
	if err != nil {
		return buf, err
	}
	if n == 0 {
		return buf, io.EOF
	}
	c.inbox.now = time.Now().UnixNano()
	p := buf[:have+n]
	used, err := c.session.Take(p, &c.inbox)
	if c.rest = append(c.rest[:0], p[used:]...); len(c.rest) > mostRest && err == nil {
		err = fmt.Errorf("%d bytes without an end", len(c.rest))
	}
	return buf, err
}

// said is what the session wants to be written, and after which pause. It is
// good until the next call of receive.
func (c *client) said() ([]byte, time.Duration) {
	p, after := c.inbox.say, c.inbox.after
	c.inbox.say, c.inbox.after = c.inbox.say[:0], 0
	return p, after
}

// A subscriber is a client that follows channels.
type subscriber struct {
	client
	follower *follower
	began    time.Time // to connect
	ready    bool      // and counted as such
	err      error     // why the connection ended
}

func newSubscriber(r *run, number int, t *tally) *subscriber {
	f := newFollower(r.layout, number, r.opts.Publishers, t)
	return &subscriber{follower: f, client: client{
		session: r.opts.Dialect.Subscriber(number, r.layout.of(number)),
		inbox:   Inbox{follower: f, skip: r.skip()},
	}}
}

// becomesReady reports, once, that the subscriber follows its channels.
func (s *subscriber) becomesReady() bool {
	if s.ready || !s.inbox.ready {
		return false
	}
	s.ready = true
	s.follower.tally.connects.record(time.Since(s.began))
	return true
}
