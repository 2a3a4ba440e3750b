//go:build !linux

package netpoll

import (
	"errors"
	"net"
)

// Detach is to be had on Linux alone.
func (*Poller) Detach(*Conn, net.Conn) bool { return false }

// Waiting is for what Detach has done.
func (*Conn) Waiting() (net.Conn, error) { return nil, errors.ErrUnsupported }

// CloseRead is for what Detach has done.
func (*Conn) CloseRead() error { return errors.ErrUnsupported }

// CloseWrite is for what Detach has done.
func (*Conn) CloseWrite() error { return errors.ErrUnsupported }

// Close is for what Detach has done.
func (*Conn) Close() error { return errors.ErrUnsupported }
