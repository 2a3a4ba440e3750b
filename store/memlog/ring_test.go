package memlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"testing"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
)

// php runs a script, which reads from in, and decodes what it writes.
func php(t *testing.T, out, in any, script string, args ...string) {
	t.Helper()
	memcachedtest.Need(t, "php")
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "php", append([]string{script}, args...)...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("php %s: %v\n%s%s", script, err, stdout, &stderr)
	}
	if err := json.Unmarshal(stdout, out); err != nil {
		t.Fatalf("php %s wrote %q: %v", script, stdout, err)
	}
}

// phpServers are servers as addServers takes them.
func phpServers(t *testing.T, addrs []string) (servers [][2]any) {
	t.Helper()
	for _, addr := range addrs {
		host, digits, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(digits)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, [2]any{host, port})
	}
	return servers
}

func numbered(n int, format string) (addrs []string) {
	for i := range n {
		addrs = append(addrs, fmt.Sprintf(format, i))
	}
	return addrs
}

func TestRingIsPHPs(t *testing.T) {
	tests := []struct {
		name  string
		addrs []string
	}{
		{"one", []string{"10.0.0.1:11211"}},
		{"two on the default port", []string{"10.0.0.1:11211", "10.0.0.2:11211"}},
		{"two ports of a host", []string{"10.0.0.1:11212", "10.0.0.1:11213"}},
		{"ports mixed", []string{"10.0.0.1:11211", "10.0.0.1:11212", "10.0.0.2:11211"}},
		{"names", []string{"127.0.0.1:11211", "localhost:11211", "cache.example:1121"}},
		{"in another order", []string{"cache.example:1121", "localhost:11211", "127.0.0.1:11211"}},
		{"five", numbered(5, "10.1.0.%d:11211")},
		{"seven", numbered(7, "10.1.0.%d:11211")},
		{"ten", numbered(10, "10.1.0.%d:11211")},
		{"twenty-five, of 39 hashes each", numbered(25, "10.1.0.%d:11211")},
		{"forty-seven, as well", numbered(47, "10.1.0.%d:11300")},
		{"a hundred", numbered(100, "10.1.0.%d:11211")},
	}
	keys := append(numbered(1000, "channel-%d"), numbered(1000, "~room%d")...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			php(t, &want, map[string]any{"servers": phpServers(t, test.addrs), "keys": keys}, "testdata/ring.php")
			r, err := newRing(test.addrs)
			if err != nil {
				t.Fatal(err)
			}
			for i, key := range keys {
				if got := test.addrs[r.server(key)]; got != want[i] {
					t.Fatalf("%q: got %s, PHP keeps it on %s", key, got, want[i])
				}
			}
		})
	}
}

// A PHP process that knows the layout, and nothing else of us, shares a channel.
func TestPHPShares(t *testing.T) {
	one, two := memcachedtest.Start(t), memcachedtest.Start(t)
	addrs := []string{one.Addr, two.Addr}
	servers, err := json.Marshal(phpServers(t, addrs))
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, Config{Servers: addrs})
	for i := range 6 { // on both servers, most likely
		channel := fmt.Sprint("shared-", i)
		first := mustAppend(t, s, channel, "from the gateway")
		hints := s.Watch(t.Context(), channel)
		var told struct {
			N      uint64
			Before string
		}
		php(t, &told, nil, "testdata/share.php", string(servers), channel, "php-1", "from PHP: naïve")
		if told.Before != "from the gateway" {
			t.Errorf("PHP read %q", told.Before)
		}
		var at protocol.Cursor
		await(t, hints, func() bool {
			p := mustRead(t, s, channel, first)
			at = p.Cursor
			return len(p.Messages) == 1 && p.Messages[0].ID == "php-1" && string(p.Messages[0].Text) == "from PHP: naïve"
		})
		if got := numberOf(t, at); got != told.N {
			t.Errorf("PHP's message has the number %d, PHP wrote %d", got, told.N)
		}
	}
}
