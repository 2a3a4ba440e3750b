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
	fallback *handed

	until  atomic.Int64 // when reading ends, in unix nanoseconds; 0: never
	woken  atomic.Bool  // held may have an answer
	holds  atomic.Bool  // state is holding
	queued atomic.Bool  // with a shard

	mu     sync.Mutex
	nc     net.Conn     // nil: detached
	raw    netpoll.Conn // of nc, or in its place
	remote string       // address, once a request has been read
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
		c.serve(false)
	case holding:
		c.peek()
	}
}

var _ netpoll.Trier = (*conn)(nil)

// Try is for the Poller: it serves a request that repeats, if that needs no
// waiting.
func (c *conn) Try() bool {
	if !c.mu.TryLock() {
		return false
	}
	defer c.mu.Unlock()
	if c.state != reading || c.known == nil || c.known.trier == nil {
		return false
	}
	c.armed = false
	return c.serve(true)
}

// serve serves the requests that are there. If it is to try, it reports false
// once it would have to wait, and leaves the rest. It wants c.mu, which it lets
// go of while a handler is at work, and a c that is not armed.
func (c *conn) serve(try bool) bool {
	buf := c.server.buffers.Get().(*[readSize]byte)
	defer c.server.buffers.Put(buf)
	for c.state == reading {
		in, err := c.read(buf[:])
		if errors.Is(err, netpoll.ErrIdle) {
			c.arm()
			return true
		}
		if err != nil {
			c.end()
			return true
		}
		r, used, err := c.parse(in)
		switch {
		case errors.Is(err, errPart):
			c.keep(in, true)
		case try && (err != nil || c.known.trier == nil):
			c.keep(in, false)
			return false
		case err != nil:
			c.handOver(in[used:])
		default:
			c.keep(in[used:], false)
			if !c.handle(r, try) {
				c.keep(in, false)
				return false
			}
		}
		if c.state == reading && !c.armed && len(c.in) == 0 {
			c.arm() // nothing is there yet, most likely
			return true
		}
	}
	return true
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
	in = bytes.Clone(in)
	nc, err := c.away()
	if err != nil {
		c.server.cfg.Log.Warn().Err(err).Msg("a connection is closed that net/http was to serve")
		c.end()
		return
	}
	if len(in) > 0 {
		nc = &prefixed{Conn: nc, ahead: in}
	}
	c.state, c.in = ended, nil
	c.server.cfg.Poller.Remove(&c.raw)
	c.server.forget(c)
	c.fallback.deliver(nc)
}

// detach leaves the connection to c alone. It wants c.mu, and a c that is not
// armed.
func (c *conn) detach() {
	if c.nc != nil && c.server.cfg.Poller.Detach(&c.raw, c.nc) {
		c.nc = nil
	}
}

// away gives the connection to somebody else. It wants c.mu, and a c that is not
// armed.
func (c *conn) away() (net.Conn, error) {
	if c.nc != nil {
		return c.nc, nil
	}
	nc, err := c.raw.Waiting()
	if err != nil {
		return nil, err
	}
	c.server.cfg.Poller.Remove(&c.raw)
	c.raw.Close()
	c.nc, c.raw = nc, c.server.cfg.Poller.Conn(nc)
	return nc, nil
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
	if c.nc != nil {
		c.nc.Close()
	} else {
		c.raw.Close()
	}
	c.server.forget(c)
}

// endInput has the connection end with what has come so far. Ready, or whoever
// is at work with it, serves that, and then finds the end. It wants c.mu.
func (c *conn) endInput() { _ = c.ends().CloseRead() } // it may have ended already

// endOutput has what was written be the last. It is read still. It wants c.mu.
func (c *conn) endOutput() { _ = c.ends().CloseWrite() } // as above

// ends is where the connection is shut down.
func (c *conn) ends() ends {
	if tcp, ok := c.nc.(*net.TCPConn); ok {
		return tcp
	}
	return &c.raw
}

type ends interface {
	CloseRead() error
	CloseWrite() error
}

// abort has the connection end at once. Whoever is at work with it, or else
// Ready, then finds it shut down.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended {
		return
	}
	c.endInput()
	c.endOutput()
	if c.state == holding && !c.armed {
		c.end()
	}
}

// handle has a handler serve r, or only try to, and reports whether it was
// served. It wants c.mu, and lets go of it meanwhile.
func (c *conn) handle(r *http.Request, try bool) bool {
	c.state = serving
	c.until.Store(0)
	w := c.newResponse(r)
	handler := c.server.cfg.HTTP.Handler
	if c.known.repeat != nil {
		handler = c.known.repeat
		c.known.again = true
		w.known, w.base = c.known, c.known.header
	}
	c.mu.Unlock()
	served, ok := c.call(handler, w, r, try)
	c.mu.Lock()
	c.served()
	switch {
	case ok && !served:
		c.state = reading
		w.free()
		return false
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
	return true
}

// call reports whether the handler has served r, and whether it came to its end.
func (c *conn) call(h http.Handler, w *response, r *http.Request, try bool) (served, ok bool) {
	defer func() {
		if !ok {
			c.report(recover(), r.URL.Path)
		}
	}()
	if try {
		return h.(transport.Trier).Try(w, r), true
	}
	h.ServeHTTP(w, r)
	return true, true
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
	err := c.write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || closing || c.server.stopping.Load() { // of which stop told nobody who writes
		c.cut()
		return
	}
	if c.next(); !c.armed {
		c.serve(false)
	}
}

// write waits until the socket has taken p. The connection is neither detached
// nor given away meanwhile.
func (c *conn) write(p []byte) error {
	nc := c.nc
	if nc == nil {
		var err error
		if nc, err = c.raw.Waiting(); err != nil {
			return err
		}
		defer nc.Close()
	}
	nc.SetWriteDeadline(time.Now().Add(c.server.cfg.WriteTimeout))
	_, err := nc.Write(p)
	nc.SetWriteDeadline(time.Time{}) // one that has passed would fail TryWrite
	return err
}

// cut ends a connection that may be armed. It wants c.mu.
func (c *conn) cut() {
	if !c.armed {
		c.end()
		return
	}
	c.state = reading // the end of input
	c.endOutput()
	c.endInput()
}
