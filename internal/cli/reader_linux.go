package cli

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// awaitUnread waits until nobody reads file any more, which it reports, or ctx
// ends. Who reads a file on a disk is not known.
func awaitUnread(ctx context.Context, file *os.File) bool {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	defer syscall.Close(epoll)
	ended, end, err := os.Pipe()
	if err != nil {
		return false
	}
	defer ended.Close()
	defer end.Close()
	defer context.AfterFunc(ctx, func() { end.Close() })()
	output := int(file.Fd())
	for fd, events := range map[int]uint32{
		output:          0, // an error and a hang-up are told in any case
		int(ended.Fd()): syscall.EPOLLIN,
	} {
		if syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)}) != nil {
			return false
		}
	}
	for {
		var event [1]syscall.EpollEvent
		n, err := syscall.EpollWait(epoll, event[:], -1)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return false
		case n > 0:
			return int(event[0].Fd) == output
		}
	}
}
