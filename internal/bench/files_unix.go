//go:build linux || darwin

package bench

import (
	"fmt"
	"syscall"
)

// raiseFileLimit sees to it that so many files may be open. The Go runtime has
// raised the soft limit to the hard one already; only root goes beyond.
func raiseFileLimit(files int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("bench: limit of open files: %w", err)
	}
	most := limit.Cur
	if most >= uint64(files) {
		return nil
	}
	limit.Cur, limit.Max = uint64(files), max(limit.Max, uint64(files))
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		return nil
	}
	return fmt.Errorf("bench: that takes %d open files, and %d may be; raise the limit (ulimit -n)", files, most)
}
