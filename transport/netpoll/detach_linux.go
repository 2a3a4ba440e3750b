package netpoll

import (
	"net"
	"os"
	"sync"
	"syscall"
)

// Detach takes c, which is nc's and not armed, out of Go's own poller, and
// closes nc: whatever comes to a connection wakes a thread there, even if nobody
// waits in it. From then on c is all there is of the connection. It reads
// without waiting alone, and wants Close. Where it can't be had Detach reports
// false, and has changed nothing.
func (p *Poller) Detach(c *Conn, nc net.Conn) bool {
	if !p.Works() || !c.Works() {
		return false
	}
	fd, err := c.duplicate()
	if err != nil {
		return false
	}
	p.Remove(c) // or it would stay in the set for as long as there is a duplicate
	nc.Close()
	c.raw = &socket{fd: fd}
	return true
}

// Waiting makes a connection that can wait, beside c, which is detached: the
// same one for the two ends, but closed when both are.
func (c *Conn) Waiting() (net.Conn, error) {
	fd, err := c.duplicate()
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "tcp")
	defer file.Close() // net has one of its own
	return net.FileConn(file)
}

// duplicate gives another descriptor of the connection.
func (c *Conn) duplicate() (fd int, err error) {
	errControl := c.raw.Control(func(old uintptr) {
		new, _, errno := syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		if fd = int(new); errno != 0 {
			err = os.NewSyscallError("fcntl", errno)
		}
	})
	if errControl != nil {
		return 0, errControl
	}
	return fd, err
}

// CloseRead ends what comes, of a c that is detached.
func (c *Conn) CloseRead() error { return c.shutdown(syscall.SHUT_RD) }

// CloseWrite ends what goes, of a c that is detached.
func (c *Conn) CloseWrite() error { return c.shutdown(syscall.SHUT_WR) }

func (c *Conn) shutdown(how int) (err error) {
	errControl := c.raw.Control(func(fd uintptr) {
		err = os.NewSyscallError("shutdown", syscall.Shutdown(int(fd), how))
	})
	if errControl != nil {
		return errControl
	}
	return err
}

// Close closes a c that is detached, neither armed nor in the Poller's set
// (Remove).
func (c *Conn) Close() error {
	if s, ok := c.raw.(*socket); ok {
		return s.close()
	}
	return nil
}

// A socket is one in no poller of Go's. It is not closed while it is
// used: another socket may have its number right after.
type socket struct {
	mu sync.Mutex
	fd int // closed: none
}

const none = -1

var _ syscall.RawConn = (*socket)(nil)

func (s *socket) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fd := s.fd
	if s.fd = none; fd == none {
		return net.ErrClosed
	}
	return os.NewSyscallError("close", syscall.Close(fd))
}

func (s *socket) Control(f func(fd uintptr)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd == none {
		return net.ErrClosed
	}
	f(uintptr(s.fd))
	return nil
}

// Read calls f once: there is nothing to wait in.
func (s *socket) Read(f func(fd uintptr) bool) error {
	return s.Control(func(fd uintptr) { f(fd) })
}

// Write is as Read.
func (s *socket) Write(f func(fd uintptr) bool) error { return s.Read(f) }
