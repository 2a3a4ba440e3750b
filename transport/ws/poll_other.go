//go:build !linux

package ws

import "errors"

// A poller is what Linux has; elsewhere every connection has a goroutine.
type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) close()         {}
func (*poller) arm(*conn) bool { return false }
func (*poller) remove(*conn)   {}
