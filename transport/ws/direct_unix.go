//go:build unix

package ws

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// direct writes to and reads from a plain TCP connection without waiting. On
// all others it writes nothing: every write may wait there.
type direct struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // writeNow, bound once

	// of the write under way; there is one at a time
	bytes []byte
	wrote int
	err   error
}

func newDirect(nc net.Conn) *direct {
	d := &direct{}
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			d.raw = raw
			d.try = d.writeNow
		}
	}
	return d
}

// works reports whether reads and writes without waiting can be had.
func (d *direct) works() bool { return d.raw != nil }

// TryRead reads what is there. With nothing there its error is errIdle.
func (d *direct) TryRead(p []byte) (n int, err error) {
	raw := d.raw.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), p)
		for errors.Is(err, syscall.EINTR) {
			n, err = syscall.Read(int(fd), p)
		}
		return true
	})
	switch {
	case raw != nil:
		return 0, raw
	case errors.Is(err, syscall.EAGAIN):
		return 0, errIdle
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// TryWrite is for the hub.
func (d *direct) TryWrite(p []byte) (int, error) {
	if d.raw == nil {
		return 0, nil
	}
	d.bytes, d.wrote, d.err = p, 0, nil
	if err := d.raw.Write(d.try); err != nil {
		return 0, err
	}
	d.bytes = nil
	return d.wrote, d.err
}

// writeNow writes what the kernel takes. It always answers true, which means
// not to wait.
func (d *direct) writeNow(fd uintptr) bool {
	for d.wrote < len(d.bytes) {
		n, err := syscall.Write(int(fd), d.bytes[d.wrote:])
		switch err {
		case nil:
			d.wrote += n
		case syscall.EINTR:
		case syscall.EAGAIN:
			return true
		default:
			d.err = err
			return true
		}
	}
	return true
}
