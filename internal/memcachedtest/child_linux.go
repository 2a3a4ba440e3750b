package memcachedtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// endsWithParent lets the child go with a test that dies without its
// clean-ups.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// isStopped reports whether all threads of a process have stopped, which they
// do some time after the signal.
func isStopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, name := range threads {
		stat, err := os.ReadFile(name)
		if err != nil {
			return false
		}
		// "pid (name) state ...", and the name may hold anything.
		if i := bytes.LastIndexByte(stat, ')'); !bytes.HasPrefix(stat[i+1:], []byte(" T")) {
			return false
		}
	}
	return true
}
