package netpoll

import (
	"syscall"
	"unsafe"
)

// Calls that don't wait. Go's own tell its scheduler of every call, which
// wakes the thread that would take over if the call did wait: at a few thousand
// small writes a second that is a tenth of the CPU time.

// readNow reads from a descriptor that doesn't block.
func readNow(fd int, p []byte) (int, syscall.Errno) { return call(syscall.SYS_READ, fd, p) }

// writeNow writes to a descriptor that doesn't block.
func writeNow(fd int, p []byte) (int, syscall.Errno) { return call(syscall.SYS_WRITE, fd, p) }

// call wants p to have a byte at least.
func call(trap uintptr, fd int, p []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// epollNow gives the events that are there.
func epollNow(fd int, events []syscall.EpollEvent) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT,
		uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
