package http1

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
)

// The states of a conn.
const (
	reading = iota // a request is awaited, or has come in part
	serving        // a handler is at work
	holding        // an answer is awaited
	writing        // the socket did not take all of an answer
	ended          // closed, or another's
)

// A conn is one connection.
type conn struct {
	// static
	server   *Server
	nc       net.Conn
	raw      netpoll.Conn
	fallback *handed
	shard    *shard

	until  atomic.Int64 // when reading ends, in unix nanoseconds; 0: never
	woken  atomic.Bool  // held may have an answer
	holds  atomic.Bool  // state is holding
	queued atomic.Bool  // with the shard

	mu     sync.Mutex
	state  int
	armed  bool   // Ready will be called; the connection must not be closed before
	in     []byte // what came and is not served yet
	part   bool   // it is the beginning of a request
	known  *known // the latest request's head
	waker  func() // wake, once a handler has asked for it
	held   transport.Held
	header http.Header // which held's answer begins with; nil: known's
	timer  *time.Timer // of held
	late   bool        // it has run out
}

// within bounds reading.
func (c *conn) within(d time.Duration) { c.until.Store(time.Now().Add(d).UnixNano()) }

// arm wants c.mu.
func (c *conn) arm() {
	c.armed = true // Ready waits for c.mu
	if !c.server.cfg.Poller.Arm(&c.raw, c) {
		c.armed = false
		if c.state == reading {
			c.handOver(c.in) // there is nothing to watch it with
		} else {
			c.end()
		}
	}
}

// Ready is for the Poller.
func (c *conn) Ready() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
	switch c.state {
	case reading:
		c.serve()
	case holding:
		c.peek()
	}
}

// serve serves the requests that are there. It wants c.mu, which it lets go of
// while a handler is at work, and a c that is not armed.
func (c *conn) serve() {
	buf := c.server.buffers.Get().(*[readSize]byte)
	defer c.server.buffers.Put(buf)
	for c.state == reading {
		in, err := c.read(buf[:])
		if errors.Is(err, netpoll.ErrIdle) {
			c.arm()
			return
		}
		if err != nil {
			c.end()
			return
		}
		r, used, err := c.parse(in)
		switch {
		case errors.Is(err, errPart):
			c.keep(in, true)
		case err != nil:
			c.handOver(in[used:])
		default:
			c.keep(in[used:], false)
			c.handle(r)
		}
		if c.state == reading && !c.armed && len(c.in) == 0 {
			c.arm() // nothing is there yet, most likely
			return
		}
	}
}

// read returns what has come, in buf where it fits: what was there before, and
// what is there now. It wants c.mu.
func (c *conn) read(buf []byte) ([]byte, error) {
	in := c.in
	if len(in) > 0 && !c.part {
		c.in = nil
		return in, nil
	}
	n, err := c.raw.Read(buf, false)
	if err != nil {
		return nil, err
	}
	c.in = nil
	if len(in) == 0 {
		return buf[:n], nil
	}
	return append(in, buf[:n]...), nil
}

// keep keeps what could not be served yet; part says that it is the beginning
// of a request, which has to come to its end in time. It wants c.mu.
func (c *conn) keep(in []byte, part bool) {
	if part && !c.part {
		c.within(c.server.cfg.HTTP.ReadHeaderTimeout)
	}
	c.in, c.part = bytes.Clone(in), part
}

// outOfTime ends a connection on which a request has not come in time. A body
// that does not come is net/http's to wait for, and to refuse.
func (c *conn) outOfTime() {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch until := c.until.Load(); {
	case c.state != reading || !c.armed || until == 0 || until > time.Now().UnixNano(): // it came just now
	case c.part && c.known != nil && bytes.HasPrefix(c.in, c.known.head):
		c.server.cfg.Poller.Remove(&c.raw) // a Ready that is on its way finds c ended
		c.handOver(c.in)
	default:
		c.endInput()
	}
}

// handOver leaves the connection to net/http. It wants c.mu, and a c that is
// not armed.
func (c *conn) handOver(in []byte) {
	nc := c.nc
	if len(in) > 0 {
		nc = &prefixed{Conn: c.nc, ahead: bytes.Clone(in)}
	}
	c.leave()
	c.fallback.deliver(nc)
}

// leave ends c, whose connection goes on without it. It wants c.mu, and a c
// that is not armed.
func (c *conn) leave() {
	c.state, c.in = ended, nil
	c.server.cfg.Poller.Remove(&c.raw)
	c.server.forget(c)
}

// end closes the connection. It wants c.mu, and a c that is not armed.
func (c *conn) end() {
	if c.state == ended {
		return
	}
	if held := c.release(); held != nil {
		held.Drop()
	}
	c.state, c.in = ended, nil
	c.server.cfg.Poller.Remove(&c.raw)
	c.nc.Close()
	c.server.forget(c)
}

// endInput has the connection end with what has come so far. Ready, or whoever
// is at work with it, serves that, and then finds the end.
func (c *conn) endInput() {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.CloseRead() // it may have ended already
	}
}

// abort has the connection end at once. Whoever is at work with it, or else
// Ready, then finds it shut down.
func (c *conn) abort() {
	c.endInput()
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // as above
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == holding && !c.armed {
		c.end()
	}
}

// handle has a handler serve r. It wants c.mu, and lets go of it meanwhile.
func (c *conn) handle(r *http.Request) {
	c.state = serving
	c.until.Store(0)
	w := c.newResponse(r)
	handler := c.server.cfg.HTTP.Handler
	if c.known.repeat != nil {
		handler = c.known.repeat
		w.known, w.base = c.known, c.known.header
	}
	c.mu.Unlock()
	ok := c.call(handler, w, r)
	c.mu.Lock()
	c.served()
	switch {
	case c.state == ended: // hijacked
		w.free()
	case !ok:
		if w.held != nil { // the handler was one around that which held
			w.held.Drop()
		}
		c.end()
	case w.held != nil:
		c.hold(w)
	default:
		c.answer(w)
	}
}

// call reports whether the handler came to its end.
func (c *conn) call(h http.Handler, w *response, r *http.Request) (ok bool) {
	defer func() {
		if !ok {
			c.report(recover(), r.URL.Path)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

// report logs what was recovered of a panic.
func (c *conn) report(v any, of string) {
	if v != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
		c.server.cfg.Log.Error().Any("panic", v).Bytes("stack", debug.Stack()).Str("url", of).Msg("a handler panicked")
	}
}

// answer writes w, and goes on to the next request. It wants c.mu.
func (c *conn) answer(w *response) {
	closing := w.close || w.header.Get("Connection") == "close" || c.server.stopping.Load()
	p := w.bytes(closing)
	n, err := c.raw.TryWrite(p)
	switch {
	case err != nil:
		c.cut()
	case n < len(p):
		c.state = writing
		go c.drain(bytes.Clone(p[n:]), closing)
	case closing:
		c.cut()
	default:
		c.next()
	}
	w.free()
}

// next begins to wait for the next request. It wants c.mu.
func (c *conn) next() {
	c.state = reading
	c.within(c.server.cfg.HTTP.IdleTimeout)
}

// drain writes what the socket did not take.
func (c *conn) drain(p []byte, closing bool) {
	c.nc.SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout))
	_, err := c.nc.Write(p)
	c.nc.SetWriteDeadline(time.Time{}) // one that has passed would fail TryWrite
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || closing || c.server.stopping.Load() { // of which stop told nobody who writes
		c.cut()
		return
	}
	if c.next(); !c.armed {
		c.serve()
	}
}

// cut ends a connection that may be armed. It wants c.mu.
func (c *conn) cut() {
	if !c.armed {
		c.end()
		return
	}
	c.state = reading // the end of input
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // what was written is still read
	}
	c.endInput()
}
