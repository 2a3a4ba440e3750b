// Package netpoll serves many connections with few goroutines: it calls a
// connection's owner when there is something to read, and reads and writes
// without waiting. It is for plain TCP; on other systems than Linux, Arm
// refuses every connection, which then has a goroutine of its own.
package netpoll

import (
	"errors"
	"sync"

	"github.com/rs/zerolog"
)

// ErrIdle says that nothing is there to be read.
var ErrIdle = errors.New("netpoll: idle")

// A Waiter owns a connection and waits for it to be readable.
type Waiter interface {
	// Ready is called once after each Arm, when there is something to read, or
	// the connection has ended. It may wait, in a goroutine that is its for as
	// long. See also Trier.
	Ready()
}

// A Trier is a Waiter that often has nothing to wait for.
type Trier interface {
	Waiter
	// Try is called in place of Ready, in the Poller's own goroutine, and must
	// not wait: all others do. If it reports false Ready is called after it.
	Try() bool
}

// A Poller watches connections. It may be used from any goroutine, and wants
// Close, once all that was armed has been removed.
type Poller struct {
	transfers sync.Pool // *transfer
	set       *set      // nil: there is none
	turn      sync.Mutex
}

// New makes a Poller. Where the operating system has none to give, that is
// logged, and it is as None's.
func New(log zerolog.Logger) *Poller {
	p := None()
	s, err := newSet(&p.turn)
	if err != nil {
		log.Warn().Err(err).Msg("idle connections keep a goroutine each")
		return p
	}
	p.set = s
	return p
}

// None makes a Poller that watches nothing; its Conns work as others do.
func None() *Poller { return &Poller{transfers: sync.Pool{New: newTransfer}} }

// Works reports whether connections can be armed.
func (p *Poller) Works() bool { return p.set != nil }

// Arm asks for one call of w.Ready. It reports false where that can't be had:
// the connection has been closed, or is not one to be watched. Between an Arm
// and its Ready the connection must not be closed, only shut down.
func (p *Poller) Arm(c *Conn, w Waiter) bool { return p.Works() && c.Works() && p.set.arm(c, w) }

// Remove forgets c, which is not armed, before it is closed.
func (p *Poller) Remove(c *Conn) {
	if p.Works() && c.Works() {
		p.set.remove(c)
	}
}

// Lock keeps the Poller from having Triers try, until Unlock. Who does many small
// things holds it meanwhile: what they make others say is then taken in together,
// by the same CPU, which costs less than to wake another one for each. All who
// say something wait for that, so it is let go of after a millisecond or so.
func (p *Poller) Lock() { p.turn.Lock() }

// Unlock is for who has called Lock.
func (p *Poller) Unlock() { p.turn.Unlock() }

// Go calls w.Ready as if there were something to read.
func (p *Poller) Go(w Waiter) {
	if !p.Works() {
		go w.Ready()
		return
	}
	p.set.workers.add(w)
}

// Close waits for what was called.
func (p *Poller) Close() {
	if p.Works() {
		p.set.close()
	}
}
