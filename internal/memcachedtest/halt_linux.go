package memcachedtest

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Of waitid(2), which package syscall lacks.
const (
	waitForPID  = 1          // P_PID
	waitStopped = 0x2        // WSTOPPED
	waitAndKeep = 0x01000000 // WNOWAIT: os/exec is waiting, too
)

// awaitStop waits for all threads of a child process to have been stopped.
func awaitStop(pid int) error {
	var info [128]byte // siginfo_t
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, waitForPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), waitStopped|waitAndKeep, 0, 0)
		switch errno {
		case 0:
			return nil
		case syscall.EINTR:
		default:
			return fmt.Errorf("waitid: %w", errno)
		}
	}
}
