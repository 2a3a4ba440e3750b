package doctor

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// maxStats bounds the lines of an answer to "stats"; memcached 1.6 has below
// 100.
const maxStats = 1000

// askStats asks a memcached for one of its lists of counters: all of them, of
// which package mcwire keeps the few that a gateway needs.
func askStats(ctx context.Context, addr, command string) (map[string]string, error) {
	d := net.Dialer{Timeout: storeTimeout}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(storeTimeout))
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return nil, err
	}
	counters := make(map[string]string)
	lines := bufio.NewScanner(conn)
	for lines.Scan() && len(counters) < maxStats {
		if lines.Text() == "END" {
			return counters, nil
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(lines.Text(), "STAT "), " ")
		if !ok || !strings.HasPrefix(lines.Text(), "STAT ") {
			return nil, fmt.Errorf("something else than memcached answers: %q", quote(lines.Text()))
		}
		counters[name] = value
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("something else than memcached answers, of %d lines", len(counters))
}
