package netpoll

import (
	"fmt"
	"os"
	"sync"
	"syscall"
)

// A set is an epoll set, in which a connection is armed for one event at a
// time; the set itself waits in Go's own poller and takes up no thread.
type set struct {
	// static
	file *os.File
	raw  syscall.RawConn
	fd   int
	done chan struct{} // closed when run has ended

	workers *workers
	armings sync.Pool // *arming

	mu      sync.Mutex
	waiters []Waiter // by descriptor
}

// newSet makes a set. It wants close.
func newSet() (*set, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("netpoll: epoll: %w", err)
	}
	// Only a descriptor that doesn't block is taken into Go's poller.
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("netpoll: epoll: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("netpoll: epoll: %w", err)
	}
	s := &set{file: file, raw: raw, fd: fd, done: make(chan struct{}), workers: newWorkers()}
	s.armings.New = s.newArming
	go s.run()
	return s, nil
}

func (s *set) close() {
	s.file.Close()
	<-s.done
	s.workers.close()
}

// run waits for events until close.
func (s *set) run() {
	defer close(s.done)
	events := make([]syscall.EpollEvent, 128)
	ready := make([]Waiter, 0, len(events))
	// One call for all: what comes while it works is not forgotten, and it
	// need not ask once more before each wait.
	_ = s.raw.Read(func(fd uintptr) bool {
		for {
			n, errno := epollNow(int(fd), events)
			if errno == syscall.EINTR {
				continue
			}
			if errno != 0 {
				return true
			}
			ready = s.waitingFor(ready[:0], events[:n])
			s.workers.add(ready...)
			clear(ready) // or the last ones would be held beyond their end
			if n < len(events) {
				return false
			}
		}
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
