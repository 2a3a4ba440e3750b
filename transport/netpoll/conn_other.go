//go:build !unix

package netpoll

import "net"

// A Conn writes nothing without waiting: every write may wait here.
type Conn struct{}

func newTransfer() any { return nil }

// Conn is nc's.
func (*Poller) Conn(net.Conn) Conn { return Conn{} }

// Works reports whether reads and writes without waiting can be had.
func (*Conn) Works() bool { return false }

// Read is never called: Works says so.
func (*Conn) Read([]byte, bool) (int, error) { return 0, ErrIdle }

// TryWrite writes nothing.
func (*Conn) TryWrite([]byte) (int, error) { return 0, nil }
