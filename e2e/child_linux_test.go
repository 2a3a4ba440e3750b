package e2e

import (
	"os"
	"syscall"
)

// ownGroup puts a child and the processes it starts into one group, and lets
// the child go with a test that dies without its clean-ups.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// endGroup ends p and what p started; processes that have ended are no error.
func endGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
