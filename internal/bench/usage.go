package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Memory is what processes and the kernel hold, in bytes, as Linux tells;
// zero elsewhere, and where it may not be read.
type Memory struct {
	Resident     int64 // of the processes; what they share counts for each
	Proportional int64 // of the processes; what they share is shared out
	Kernel       Kernel
}

// InUse is what the processes use, as exactly as it is known.
func (m Memory) InUse() int64 { return cmp.Or(m.Proportional, m.Resident) }

// A Kernel is what the kernel holds for all sockets of the machine, both ends
// where both are here, in bytes.
type Kernel struct {
	Buffers int64            // that TCP accounts for
	Objects map[string]int64 // by the name of their slab cache; nil: unknown
}

// Total is all of it.
func (k Kernel) Total() int64 {
	n := k.Buffers
	for _, bytes := range k.Objects {
		n += bytes
	}
	return n
}

func readMemory(pids []int) (m Memory) {
	if len(pids) == 0 {
		return m
	}
	for _, pid := range family(pids) {
		m.Resident += kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		m.Proportional += kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
	}
	m.Kernel = readKernel()
	return m
}

// readCPU is what the processes have used.
func readCPU(pids []int) (d time.Duration) {
	for _, pid := range family(pids) {
		d += processCPU(pid)
	}
	return d
}

func ownCPU() time.Duration { return processCPU(os.Getpid()) }

// family are the processes, their children, and so on.
func family(pids []int) (all []int) {
	for _, pid := range pids {
		all = append(all, pid)
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			continue // none, or not told here
		}
		var children []int
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
		all = append(all, family(children)...)
	}
	return all
}

// kilobytes finds a line like "Pss:  216 kB" in a file, 0 if it is not there.
func kilobytes(file, key string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte(key))
	n, _ := number(bytes.TrimLeft(rest, " \t"))
	return n << 10
}

// slabs are the caches of what a connection consists of in the kernel.
func slabs() []string {
	return []string{"TCP", "TCPv6", "sock_inode_cache", "dentry", "filp", "eventpoll_epi", "eventpoll_pwq", "tcp_bind_bucket", "tcp_bind2_bucket"}
}

func readKernel() (k Kernel) {
	text, err := os.ReadFile("/proc/net/sockstat")
	if err == nil {
		_, rest, _ := bytes.Cut(text, []byte("TCP:"))
		_, rest, _ = bytes.Cut(rest, []byte(" mem "))
		pages, _ := number(rest)
		k.Buffers = pages * int64(os.Getpagesize())
	}
	file, err := os.Open("/proc/slabinfo")
	if err != nil {
		return k // for root alone
	}
	defer file.Close()
	k.Objects = make(map[string]int64)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 3 && slices.Contains(slabs(), fields[0]) {
			active, _ := strconv.ParseInt(fields[1], 10, 64)
			size, _ := strconv.ParseInt(fields[3], 10, 64)
			k.Objects[fields[0]] = active * size
		}
	}
	return k
}
