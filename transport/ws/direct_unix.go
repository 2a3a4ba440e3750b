//go:build unix

package ws

import (
	"net"
	"syscall"
)

// direct writes to a plain TCP connection without waiting. On all others it
// writes nothing: every write may wait there.
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
