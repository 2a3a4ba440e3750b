//go:build unix

package netpoll

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// A Conn writes to and reads from a plain TCP connection without waiting. On
// all others it writes nothing: every write may wait there. The zero Conn is
// one of these.
type Conn struct {
	raw       syscall.RawConn
	transfers *sync.Pool // of *transfer
}

// A transfer is one read or write under way.
type transfer struct {
	read, write func(fd uintptr) bool // bound once, for syscall.RawConn

	bytes []byte
	done  int
	errno syscall.Errno
	wait  bool // for there to be something to read
}

func newTransfer() any {
	t := &transfer{}
	t.read, t.write = t.readNow, t.writeNow
	return t
}

// Conn is nc's.
func (p *Poller) Conn(nc net.Conn) Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return Conn{raw, &p.transfers}
		}
	}
	return Conn{}
}

// Works reports whether reads and writes without waiting can be had.
func (c *Conn) Works() bool { return c.raw != nil }

// Read reads what is there into p, which has a byte at least. With nothing
// there it waits, until the connection's deadline, or, if it is not to wait,
// says ErrIdle. It wants Works.
func (c *Conn) Read(p []byte, wait bool) (int, error) {
	t := c.transfers.Get().(*transfer)
	t.bytes, t.wait = p, wait
	n, err := c.finish(t, c.raw.Read(t.read))
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// TryWrite writes what the kernel takes at once, and tells how much that was.
func (c *Conn) TryWrite(p []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	t := c.transfers.Get().(*transfer)
	t.bytes = p
	return c.finish(t, c.raw.Write(t.write))
}

// finish tells what t did, and gives it back. raw is set where the connection
// is closed, or its deadline has passed.
func (c *Conn) finish(t *transfer, raw error) (int, error) {
	n, err := t.done, raw
	switch {
	case raw != nil:
	case t.errno == syscall.EAGAIN: // of a read: a write just ends there
		err = ErrIdle
	case t.errno != 0:
		err = t.errno
	}
	t.bytes, t.done, t.errno = nil, 0, 0
	c.transfers.Put(t)
	return n, err
}

// readNow reads once. It answers false to wait.
func (t *transfer) readNow(fd uintptr) bool {
	for {
		t.done, t.errno = readNow(int(fd), t.bytes)
		if t.errno != syscall.EINTR {
			return t.errno != syscall.EAGAIN || !t.wait
		}
	}
}

// writeNow writes what the kernel takes. It always answers true, which means
// not to wait.
func (t *transfer) writeNow(fd uintptr) bool {
	for t.done < len(t.bytes) {
		n, errno := writeNow(int(fd), t.bytes[t.done:])
		switch errno {
		case 0:
			t.done += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			t.errno = errno
			return true
		}
	}
	return true
}
