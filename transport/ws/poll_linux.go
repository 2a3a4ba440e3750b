package ws

import (
	"errors"
	"fmt"
	"os"
	"sync"
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

	mu    sync.Mutex
	conns map[int32]*conn // by descriptor
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
	p := &poller{set: set, raw: raw, fd: fd, done: make(chan struct{}), conns: make(map[int32]*conn)}
	go p.run()
	return p, nil
}

func (p *poller) close() {
	p.set.Close()
	<-p.done
}

// run waits for events until close.
func (p *poller) run() {
	defer close(p.done)
	events := make([]syscall.EpollEvent, 128)
	for {
		n := 0
		err := p.raw.Read(func(fd uintptr) bool {
			var err error
			n, err = syscall.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
		})
		if err != nil {
			return
		}
		p.mu.Lock()
		for _, e := range events[:max(n, 0)] {
			if c := p.conns[e.Fd]; c != nil {
				go c.ready() // Handler.running counts the connection
			}
		}
		p.mu.Unlock()
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
		if p.conns[event.Fd] != c {
			p.conns[event.Fd] = c
			op = syscall.EPOLL_CTL_ADD
		}
		ok = syscall.EpollCtl(p.fd, op, int(fd), &event) == nil
	})
	return ok && err == nil
}

// remove forgets c, before its descriptor is closed and given to another.
func (p *poller) remove(c *conn) {
	_ = c.wire.raw.Control(func(fd uintptr) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.conns[int32(fd)] == c {
			delete(p.conns, int32(fd))
			_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, int(fd), nil) // close would do it, too
		}
	})
}
