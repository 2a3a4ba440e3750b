//go:build !linux

package netpoll

import (
	"errors"
	"sync"
)

// A set is what Linux has.
type set struct{ workers *workers }

func newSet(sync.Locker) (*set, error) { return nil, errors.ErrUnsupported }

func (*set) close()                 {}
func (*set) arm(*Conn, Waiter) bool { return false }
func (*set) remove(*Conn)           {}
