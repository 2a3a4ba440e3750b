package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// A usage is what the servers, and the readers in this process, have used up to
// a moment.
type usage struct {
	at                          time.Time
	gateway, memcached, readers time.Duration // of CPU
	gets                        int64         // keys that memcached was asked for
}

// A cost is what the servers use a second, and the readers in all.
type cost struct {
	gateway, memcached float64 // of one core
	gets               float64
	readers            time.Duration // of CPU
}

func (u usage) since(before usage) cost {
	seconds := u.at.Sub(before.at).Seconds()
	return cost{
		gateway:   (u.gateway - before.gateway).Seconds() / seconds,
		memcached: (u.memcached - before.memcached).Seconds() / seconds,
		gets:      float64(u.gets-before.gets) / seconds,
		readers:   u.readers - before.readers,
	}
}

func (s *servers) usage() usage {
	u := usage{at: time.Now(), memcached: cpu(s.memcached.id()), readers: cpu(os.Getpid()), gets: gets(s.memcached.addr)}
	if s.gateway != nil {
		u.gateway = cpu(s.gateway.id())
	}
	return u
}

// clockTick is Linux's unit of CPU time.
const clockTick = 10 * time.Millisecond

// cpu is what a process has used, as Linux tells; 0 elsewhere.
func cpu(id int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
	if err != nil {
		return 0
	}
	// The name may hold spaces; what follows its parenthesis does not.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(string(fields[11]))
	system, _ := strconv.Atoi(string(fields[12]))
	return time.Duration(user+system) * clockTick
}

// gets is memcached's count of keys that were asked for; -1 if it can't be had.
func gets(addr string) int64 {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return -1
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startTime))
	fmt.Fprint(conn, "stats\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != "END"; {
		if text, ok := strings.CutPrefix(lines.Text(), "STAT cmd_get "); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return -1
}
