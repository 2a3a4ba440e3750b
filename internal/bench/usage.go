package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// A usage is what a process has used, as Linux tells; zero elsewhere.
type usage struct {
	cpu      time.Duration
	resident int64 // bytes
}

// clockTick is Linux's unit of CPU time; it has been 1/100 s on all machines
// for decades.
const clockTick = 10 * time.Millisecond

func readUsage(pid int) usage {
	if pid == 0 {
		return usage{}
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}
	}
	// The name may hold spaces; what follows its parenthesis does not.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 22 {
		return usage{}
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return n
	}
	return usage{
		cpu:      time.Duration(number(11)+number(12)) * clockTick, // utime, stime
		resident: number(21) * int64(os.Getpagesize()),
	}
}
