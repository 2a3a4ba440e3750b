//go:build !unix

package ws

import (
	"net"
	"sync"
)

// direct writes nothing without waiting: every write may wait here.
type direct struct{}

func newDirect(net.Conn, *sync.Pool) direct { return direct{} }

func newTransfer() any { return nil }

// TryWrite is for the hub.
func (*direct) TryWrite([]byte) (int, error) { return 0, nil }

// read is never called: works says so.
func (*direct) read([]byte, bool) (int, error) { return 0, errIdle }

func (*direct) works() bool { return false }
