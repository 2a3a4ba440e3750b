package ws

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
)

// A poller tells connections when there is something to read, so that one
// that is idle needs no goroutine. It is an epoll set, in which a connection
// is armed for one event at a time; the set itself waits in Go's own poller
// and takes up no thread.
type poller struct {
	set  *os.File
	raw  syscall.RawConn
	fd   int
	done chan struct{} // closed when run has ended

	ready   chan *conn   // for a worker that waits
	waiting atomic.Int32 // workers
	workers sync.WaitGroup

	mu    sync.Mutex
	conns []*conn // by descriptor
}

// newPoller makes a poller. It wants close.
func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("ws: epoll: %w", err)
	}
	// Only a descriptor that doesn't block is taken into Go's poller.
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("ws: epoll: %w", err)
	}
	set := os.NewFile(uintptr(fd), "epoll")
	raw, err := set.SyscallConn()
	if err != nil {
		set.Close()
		return nil, fmt.Errorf("ws: epoll: %w", err)
	}
	p := &poller{set: set, raw: raw, fd: fd, done: make(chan struct{}), ready: make(chan *conn)}
	go p.run()
	return p, nil
}

func (p *poller) close() {
	p.set.Close()
	<-p.done
	p.workers.Wait()
}

// run waits for events until close.
func (p *poller) run() {
	defer close(p.done)
	events := make([]syscall.EpollEvent, 128)
	// One call for all: what comes while it works is not forgotten, and it
	// need not ask once more before each wait.
	_ = p.raw.Read(func(fd uintptr) bool {
		for {
			n, errno := epollNow(int(fd), events)
			if errno == syscall.EINTR {
				continue
			}
			if errno != 0 {
				return true
			}
			p.dispatch(events[:n])
			if n < len(events) {
				return false
			}
		}
	})
}

func (p *poller) dispatch(events []syscall.EpollEvent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range events {
		c := p.conns[events[i].Fd]
		if c == nil {
			continue // it has been removed
		}
		select {
		case p.ready <- c:
		default:
			p.workers.Go(func() { p.work(c) }) // Handler.running counts the connection
		}
	}
}

// mostWaiting is how many workers wait for work: they have stacks of a size
// that a new one would have to grow to.
const mostWaiting = 16

// work serves c, and then others.
func (p *poller) work(c *conn) {
	for {
		c.ready()
		if p.waiting.Add(1) > mostWaiting {
			p.waiting.Add(-1)
			return
		}
		select {
		case c = <-p.ready:
			p.waiting.Add(-1)
		case <-p.done:
			return
		}
	}
}

// arm asks for c.ready to be called, once, when there is something to read,
// or the connection has ended. It reports false where that can't be had.
func (p *poller) arm(c *conn) bool {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT}
	ok := false
	err := c.wire.raw.Control(func(fd uintptr) {
		event.Fd = int32(fd)
		p.mu.Lock()
		defer p.mu.Unlock()
		op := syscall.EPOLL_CTL_MOD
		if p.find(fd) != c {
			p.conns = append(p.conns, make([]*conn, max(0, int(fd)+1-len(p.conns)))...)
			p.conns[fd] = c
			op = syscall.EPOLL_CTL_ADD
		}
		ok = syscall.EpollCtl(p.fd, op, int(fd), &event) == nil
	})
	return ok && err == nil
}

// find wants p.mu.
func (p *poller) find(fd uintptr) *conn {
	if fd >= uintptr(len(p.conns)) {
		return nil
	}
	return p.conns[fd]
}

// remove forgets c, before its descriptor is closed and given to another.
func (p *poller) remove(c *conn) {
	_ = c.wire.raw.Control(func(fd uintptr) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.find(fd) == c {
			p.conns[fd] = nil
			_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, int(fd), nil) // close would do it, too
		}
	})
}
