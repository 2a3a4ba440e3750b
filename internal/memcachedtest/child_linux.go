package memcachedtest

import "syscall"

// endsWithParent lets the child go with a test that dies without its
// clean-ups.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
