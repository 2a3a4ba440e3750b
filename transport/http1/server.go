// Package http1 serves HTTP/1.1 connections that mostly wait. Between two
// requests, and while an answer is held (transport.Holder), a connection has
// neither a goroutine nor a buffer; package netpoll tells when there is
// something to read.
//
// It serves what it is made for, and knows when it isn't: a WebSocket's
// handshake and a POST with a short body of known length, read by net/http's
// own parser. Any other connection, at the first request that is something
// else, is handed to a net/http.Server for good, with all that was read of it.
package http1

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/transport/netpoll"
)

// A Config is what a Server is made of.
type Config struct {
	// HTTP serves the connections that are handed over. Of its fields these
	// are for all connections: Handler, ReadHeaderTimeout, IdleTimeout and
	// MaxHeaderBytes, none of which may be zero. Needed.
	HTTP *http.Server
	// Poller is closed after the Server; where it doesn't work, HTTP serves
	// all. Needed.
	Poller *netpoll.Poller
	// WriteTimeout bounds the writing of an answer. 0: 10 s.
	WriteTimeout time.Duration
	Log          zerolog.Logger
}

// A Server serves any number of listeners. It wants Close.
type Server struct {
	// static
	cfg    Config
	ctx    context.Context // of all requests; ends with Close
	cancel context.CancelFunc
	shards []*shard

	buffers   sync.Pool // *[readSize]byte
	heads     sync.Pool // *headReader
	responses sync.Pool // *response

	spilt    atomic.Uint32          // conns that found much to do with every shard
	date     atomic.Pointer[string] // for answers, kept by walk
	stopping atomic.Bool            // no request is waited for any more
	running  sync.WaitGroup         // goroutines that belong to no connection
	closing  sync.Once

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	empty     chan struct{} // closed when a stopping Server has no connection any more
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	s := &Server{
		cfg:       cfg,
		buffers:   sync.Pool{New: func() any { return new([readSize]byte) }},
		heads:     sync.Pool{New: newHeadReader},
		responses: sync.Pool{New: func() any { return &response{header: make(http.Header)} }},
		listeners: make(map[net.Listener]struct{}), conns: make(map[*conn]struct{}),
		empty: make(chan struct{}),
	}
	s.setDate(time.Now())
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for i := range runtime.GOMAXPROCS(0) {
		var turn sync.Locker
		if i == 0 {
			turn = cfg.Poller
		}
		d := newShard(turn)
		s.shards = append(s.shards, d)
		s.running.Go(d.run)
	}
	s.running.Go(s.walk)
	return s
}

// Serve serves what l accepts, until Shutdown or Close: then it returns
// http.ErrServerClosed. Any other error is l's, or net/http's.
func (s *Server) Serve(l net.Listener) error {
	if !s.cfg.Poller.Works() {
		return s.cfg.HTTP.Serve(l)
	}
	h := newHanded(l.Addr())
	defer h.Close()
	if !s.open(l, h) {
		return http.ErrServerClosed
	}
	for {
		nc, err := accept(l, s.cfg.Log)
		if err != nil {
			if s.stopping.Load() {
				err = http.ErrServerClosed
			}
			return err
		}
		s.take(nc, h)
	}
}

// open notes a listener, and has net/http take what is handed over, unless the
// Server stops: Close waits for that.
func (s *Server) open(l net.Listener, h *handed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	s.running.Go(func() { _ = s.cfg.HTTP.Serve(h) }) // until h is closed, or itself
	return true
}

// accept is l's, but waits out what passes: too many open files.
func accept(l net.Listener, log zerolog.Logger) (net.Conn, error) {
	const most = time.Second
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, most) {
		nc, err := l.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) || !passes(err) {
			return nc, err
		}
		log.Warn().Err(err).Dur("again in", wait).Msg("no connection can be accepted")
		time.Sleep(wait)
	}
}

// passes is as net/http sees it.
func passes(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Temporary() //nolint:staticcheck // for accept there is nothing else that tells
}

// take begins with a connection.
func (s *Server) take(nc net.Conn, h *handed) {
	c := &conn{server: s, nc: nc, raw: s.cfg.Poller.Conn(nc), fallback: h}
	c.within(s.cfg.HTTP.ReadHeaderTimeout)
	if !c.raw.Works() || !s.add(c) {
		h.deliver(nc)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arm()
}

// add counts c among the connections, unless the Server stops.
func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.tell()
}

// tell wants s.mu.
func (s *Server) tell() {
	if !s.stopping.Load() || len(s.conns) > 0 {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// all copies the set of connections.
func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// walk ends connections whose time is over.
func (s *Server) walk() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-tick.C:
			s.setDate(now)
			for _, c := range s.all() {
				if until := c.until.Load(); until != 0 && until < now.UnixNano() {
					c.outOfTime()
				}
			}
		}
	}
}

func (s *Server) setDate(now time.Time) {
	date := now.UTC().Format(http.TimeFormat)
	s.date.Store(&date)
}

// Shutdown stops: nobody is let in, connections without a request are closed,
// and those with one once it is answered. What is held is asked for an answer.
// It returns when all connections have ended, or with ctx's error. The
// http.Server is left alone.
func (s *Server) Shutdown(ctx context.Context) error {
	for _, c := range s.stop() {
		c.stop()
	}
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("http1: %d connections: %w", len(s.all()), ctx.Err())
	}
}

// stop closes the listeners. Connections come no more from now on.
func (s *Server) stop() []*conn {
	s.mu.Lock()
	s.stopping.Store(true)
	for l := range s.listeners {
		l.Close()
	}
	clear(s.listeners)
	s.tell()
	s.mu.Unlock()
	return s.all()
}

// Close ends everything at once, and waits for it. It may be called again.
func (s *Server) Close() {
	s.closing.Do(func() {
		s.cancel() // first: see peek
		for _, c := range s.stop() {
			c.abort()
		}
		<-s.empty
		for _, d := range s.shards {
			d.stop()
		}
		s.running.Wait()
	})
}
