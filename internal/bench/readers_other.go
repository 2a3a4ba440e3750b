//go:build !linux

package bench

import "context"

// newPollers makes none: there is no epoll here.
func newPollers(context.Context, *run) (readers, error) { return nil, nil }
