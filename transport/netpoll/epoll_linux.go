package netpoll

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// A set is an epoll set, in which a connection is armed for one event at a
// time. It waits in Go's own poller and takes up no thread: in a gate, or all
// that comes while it is at work would wake another thread there.
type set struct {
	// static
	fd   int
	gate gate
	turn sync.Locker   // of those who do many small things
	done chan struct{} // closed when run has ended

	workers *workers
	armings sync.Pool // *arming

	mu      sync.Mutex
	waiters []Waiter // by descriptor
}

// newSet makes a set. It wants close.
func newSet(turn sync.Locker) (*set, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("netpoll: epoll: %w", err)
	}
	g, err := newGate(fd)
	if err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("netpoll: epoll: %w", err)
	}
	s := &set{fd: fd, gate: g, turn: turn, done: make(chan struct{}), workers: newWorkers()}
	s.armings.New = s.newArming
	go s.run()
	return s, nil
}

func (s *set) close() {
	s.gate.file.Close()
	<-s.done
	s.workers.close()
	syscall.Close(s.fd)
}

// run waits for events until close.
func (s *set) run() {
	defer close(s.done)
	events := make([]syscall.EpollEvent, atATime)
	ready := make([]Waiter, 0, len(events))
	row := 0 // of times that all events could not be taken at once
	s.gate.wait(func() bool {
		n, errno := epollNow(s.fd, events)
		if errno != 0 {
			return errno == syscall.EINTR
		}
		ready = s.waitingFor(ready[:0], events[:n])
		if row < mostTried {
			s.try(ready)
		} else {
			s.workers.add(ready...)
		}
		clear(ready) // or the last ones would be held beyond their end
		if n < len(events) {
			row = 0
			return false
		}
		row++
		return true
	})
}

const (
	// atATime is how many events are taken at a time: others wait while these
	// are tried, a millisecond or so.
	atATime = 128
	// mostTried is how many times in a row. There are more connections then
	// than one CPU can serve.
	mostTried = 8
)

// try has the Triers try, once all others are on their way.
func (s *set) try(ready []Waiter) {
	tries := 0
	for i, w := range ready {
		if _, ok := w.(Trier); ok {
			ready[i], ready[tries] = ready[tries], w
			tries++
		}
	}
	s.workers.add(ready[tries:]...)
	if tries == 0 {
		return
	}
	s.turn.Lock()
	left := 0
	for _, w := range ready[:tries] {
		if !w.(Trier).Try() {
			ready[left] = w
			left++
		}
	}
	s.turn.Unlock()
	s.workers.add(ready[:left]...)
}

// A gate is an epoll set with another one in it. It tells Go's poller once that
// there are events in that one, until it is asked to do so again; by itself a
// set tells it for each.
type gate struct {
	file *os.File
	raw  syscall.RawConn
	in   int
}

// newGate makes a gate to the epoll set in. Its file wants Close.
func newGate(in int) (gate, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return gate{}, err
	}
	g := gate{in: in}
	if err := g.open(fd, syscall.EPOLL_CTL_ADD); err != nil {
		syscall.Close(fd)
		return gate{}, err
	}
	// Only a descriptor that doesn't block is taken into Go's poller.
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return gate{}, err
	}
	g.file = os.NewFile(uintptr(fd), "epoll")
	if g.raw, err = g.file.SyscallConn(); err != nil {
		g.file.Close()
		return gate{}, err
	}
	return g, nil
}

// open has the gate, whose descriptor is fd, tell once.
func (g *gate) open(fd, op int) error {
	return syscall.EpollCtl(fd, op, g.in, &syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLONESHOT})
}

// wait calls more when there are events, for as long as it reports that there
// are more, until the file is closed.
func (g *gate) wait(more func() bool) {
	passed := make([]syscall.EpollEvent, 1)
	// One call for all: what comes while it works is not forgotten, and it
	// need not ask once more before each wait.
	_ = g.raw.Read(func(fd uintptr) bool {
		_, _ = epollNow(int(fd), passed) // which closes the gate
		for more() {
		}
		return g.open(int(fd), syscall.EPOLL_CTL_MOD) != nil // of what comes from here on, and what is left
	})
}

// waitingFor appends who waits for events to dst.
func (s *set) waitingFor(dst []Waiter, events []syscall.EpollEvent) []Waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range events {
		if w := s.find(uintptr(events[i].Fd)); w != nil { // else it has been removed
			dst = append(dst, w)
		}
	}
	return dst
}

// find wants s.mu.
func (s *set) find(fd uintptr) Waiter {
	if fd >= uintptr(len(s.waiters)) {
		return nil
	}
	return s.waiters[fd]
}

func (s *set) arm(c *Conn, w Waiter) bool {
	a := s.armings.Get().(*arming)
	a.waiter, a.ok = w, false
	err := c.raw.Control(a.call)
	ok := a.ok && err == nil
	a.waiter = nil
	s.armings.Put(a)
	return ok
}

// An arming is one call of arm.
type arming struct {
	set    *set
	call   func(fd uintptr) // run, bound once
	event  syscall.EpollEvent
	waiter Waiter
	ok     bool
}

func (s *set) newArming() any {
	a := &arming{set: s}
	a.call = a.run
	return a
}

func (a *arming) run(fd uintptr) {
	s := a.set
	a.event = syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: int32(fd)}
	s.mu.Lock()
	defer s.mu.Unlock()
	op := syscall.EPOLL_CTL_MOD
	if s.find(fd) == nil {
		s.waiters = append(s.waiters, make([]Waiter, max(0, int(fd)+1-len(s.waiters)))...)
		op = syscall.EPOLL_CTL_ADD
	}
	s.waiters[fd] = a.waiter // before the call, whose event may come at once
	err := syscall.EpollCtl(s.fd, op, int(fd), &a.event)
	if err == syscall.ENOENT { // who had the descriptor before did not Remove it
		err = syscall.EpollCtl(s.fd, syscall.EPOLL_CTL_ADD, int(fd), &a.event)
	}
	a.ok = err == nil
}

// remove wants to come before the descriptor is closed and given to another.
func (s *set) remove(c *Conn) {
	_ = c.raw.Control(func(fd uintptr) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.find(fd) != nil {
			s.waiters[fd] = nil
			_ = syscall.EpollCtl(s.fd, syscall.EPOLL_CTL_DEL, int(fd), nil) // close would do it, too
		}
	})
}
