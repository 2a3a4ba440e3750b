//go:build unix

package ws

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// direct writes to and reads from a plain TCP connection without waiting. On
// all others it writes nothing: every write may wait there.
type direct struct {
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

func newDirect(nc net.Conn, transfers *sync.Pool) direct {
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return direct{raw, transfers}
		}
	}
	return direct{}
}

// works reports whether reads and writes without waiting can be had.
func (d *direct) works() bool { return d.raw != nil }

// read reads what is there. With nothing there it waits or, if it is not to,
// says errIdle.
func (d *direct) read(p []byte, wait bool) (int, error) {
	t := d.transfers.Get().(*transfer)
	t.bytes, t.wait = p, wait
	n, err := d.finish(t, d.raw.Read(t.read))
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// TryWrite is for the hub.
func (d *direct) TryWrite(p []byte) (int, error) {
	if d.raw == nil {
		return 0, nil
	}
	t := d.transfers.Get().(*transfer)
	t.bytes = p
	return d.finish(t, d.raw.Write(t.write))
}

// finish tells what t did, and gives it back. raw is set where the connection
// is closed, or its deadline has passed.
func (d *direct) finish(t *transfer, raw error) (int, error) {
	n, err := t.done, raw
	switch {
	case raw != nil:
	case t.errno == syscall.EAGAIN: // of a read: a write just ends there
		err = errIdle
	case t.errno != 0:
		err = t.errno
	}
	t.bytes, t.done, t.errno = nil, 0, 0
	d.transfers.Put(t)
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
