package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

const anyPort = "127.0.0.1:0"

// A gateway is the built binary on a free port. Its methods belong to the
// test's goroutine, but for url.
type gateway struct {
	addr  string // the same over restarts
	args  []string
	child *child
}

// startGateway starts the binary with further args.
func startGateway(t *testing.T, args ...string) *gateway {
	t.Helper()
	g := &gateway{addr: anyPort, args: args}
	g.start(t)
	return g
}

// onMemcached starts a gateway whose messages are where PHP has them.
func onMemcached(t *testing.T, memcached string, args ...string) *gateway {
	t.Helper()
	return startGateway(t, append([]string{"--store", "memcache://" + memcached}, args...)...)
}

func (g *gateway) start(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { // after the end of the process
		if g.child != nil {
			wantSound(t, g.child)
		}
	})
	args := append([]string{"--listen", g.addr, "--log-format", "json"}, g.args...)
	g.child = spawn(t, "gateway", gatewayCommand(t, args...), nil)
	addr := listening(g.child.started(t, func(line string) bool { return listening(line) != "" }))
	if g.addr == anyPort { // else clients may be looking at it
		g.addr = addr
	}
}

// listening is the address in the line that tells of the start, or "".
func listening(line string) string {
	var said struct{ Message, Listen string }
	if json.Unmarshal([]byte(line), &said) != nil || !strings.HasPrefix(said.Message, "ready") {
		return ""
	}
	return said.Listen
}

func (g *gateway) url(path string) string { return "http://" + g.addr + path }

// kill ends the gateway by SIGKILL.
func (g *gateway) kill() { g.child.kill() }

// terminate asks the gateway to end, and returns its exit code.
func (g *gateway) terminate(t *testing.T) int {
	t.Helper()
	g.askToEnd(t)
	return g.child.leave(t)
}

func (g *gateway) askToEnd(t *testing.T) {
	t.Helper()
	if err := g.child.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// startMemcached starts a memcached, which ends with t.
func startMemcached(t *testing.T) *memcachedtest.Server {
	t.Helper()
	need(t, "memcached")
	return memcachedtest.Start(t)
}

// wantSound fails t if a process of the gateway raced, panicked or met a fault
// of its own. It is for a clean-up, when the process has ended.
func wantSound(t *testing.T, c *child) {
	t.Helper()
	for _, line := range c.all.all() {
		failed := strings.Contains(line, `"level":"error"`) && !strings.Contains(line, "memcached can't be reached")
		if failed || strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") {
			t.Errorf("the gateway wrote: %s", line)
		}
	}
}
