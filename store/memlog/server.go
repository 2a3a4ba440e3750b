package memlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/commchannel/gateway/store"
)

// maxIdle is how many unused connections to one server are kept open.
const maxIdle = 16

// A server is one memcached: its connections, what waits to be published on
// it, and who follows its channels.
type server struct {
	// static
	store *Store
	addr  string
	kick  chan struct{} // wakes the sweeper
	stir  chan struct{} // wakes the listener

	mode atomic.Int32 // a Mode
	down atomic.Bool  // the last sweep failed

	// guarded by mu
	mu         sync.Mutex
	idle       []*conn
	closed     bool
	queue      []*request
	publishing bool // publishAll runs
	followers  map[string]*follower
	touched    map[string]struct{} // heads whose life was renewed since touchedAt
	touchedAt  time.Time
	newest     map[string]uint64 // numbers, by channel, as last seen while publishing
}

func newServer(s *Store, addr string) *server {
	return &server{
		store: s, addr: addr,
		kick: make(chan struct{}, 1), stir: make(chan struct{}, 1),
		followers: make(map[string]*follower), touched: make(map[string]struct{}), touchedAt: time.Now(),
		newest: make(map[string]uint64),
	}
}

// run has the ops answered, in their order. Its errors are store.ErrUnavailable
// and the context's. An op may have been done twice where a connection broke
// amid an exchange.
func (v *server) run(ctx context.Context, ops ...*op) error {
	if len(ops) == 0 {
		return nil
	}
	for again := false; ; again = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, reused, err := v.take(ctx)
		if err == nil {
			if err = c.run(v.deadline(ctx), ops); err == nil {
				v.give(c)
				return nil
			}
			_ = c.net.Close()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !reused || again || !isDead(err) {
			return v.unavailable(err)
		}
		v.closeIdle() // after a restart of memcached all of them are dead
	}
}

func (v *server) unavailable(err error) error {
	return fmt.Errorf("%w: memcached %s: %w", store.ErrUnavailable, v.addr, err)
}

func (v *server) deadline(ctx context.Context) time.Time {
	at := time.Now().Add(v.store.cfg.Timeout)
	if end, ok := ctx.Deadline(); ok && end.Before(at) {
		return end
	}
	return at
}

// take gives an unused connection, or a new one.
func (v *server) take(ctx context.Context) (c *conn, reused bool, err error) {
	v.mu.Lock()
	if n := len(v.idle); n > 0 {
		c = v.idle[n-1]
		v.idle = slices.Delete(v.idle, n-1, n)
	}
	v.mu.Unlock()
	if c != nil {
		return c, true, nil
	}
	d := net.Dialer{Timeout: v.store.cfg.Timeout}
	nc, err := d.DialContext(ctx, "tcp", v.addr)
	if err != nil {
		return nil, false, err
	}
	return newConn(nc), false, nil
}

func (v *server) give(c *conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || len(v.idle) == maxIdle {
		_ = c.net.Close()
		return
	}
	v.idle = append(v.idle, c)
}

func (v *server) closeIdle() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.idle {
		_ = c.net.Close()
	}
	v.idle = nil
}

// close is the last call.
func (v *server) close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.closeIdle()
}

func isDead(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
