package mcwire

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what does come.
const patience = 10 * time.Second

// A version of memcached: 1.<minor>.<patch>.
type version struct{ minor, patch int }

var (
	watching = version{5, 20} // not to hang by it
	meta     = version{6, 0}
	metaSet  = version{6, 11} // as it is since; and events tell a size
	metaCAS  = version{6, 40} // C in mg
)

// needs skips the test where the memcached installed is older than least.
func needs(t testing.TB, least version) {
	t.Helper()
	if v := installed(t); v.before(least) {
		t.Skipf("memcached is 1.%d.%d, this needs 1.%d.%d", v.minor, v.patch, least.minor, least.patch)
	}
}

// installed is the version of the memcached that tests run.
func installed(t testing.TB) (v version) {
	t.Helper()
	stats, err := dial(t, memcachedtest.Start(t), Config{}).Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(stats.Version, "1.%d.%d", &v.minor, &v.patch); err != nil {
		t.Fatalf("version %q: %v", stats.Version, err)
	}
	return v
}

func (v version) before(w version) bool {
	return v.minor < w.minor || v.minor == w.minor && v.patch < w.patch
}

type getFunc func(ctx context.Context, wants []Want, each func(Result)) error

// dial connects to a server of the test. Its timeout is one that a busy
// machine keeps, where cfg gives none.
func dial(t testing.TB, s *memcachedtest.Server, cfg Config) *Conn {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	c, err := Dial(t.Context(), s.Addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// fill stores n values of size bytes, and returns wants that know them.
func fill(t testing.TB, s *memcachedtest.Server, n, size int) []Want {
	t.Helper()
	wants := make([]Want, n)
	c := dial(t, s, Config{})
	defer c.Close()
	for i := range wants {
		wants[i].Key = fmt.Sprintf("channel_%d", i)
		if got := say(t, c, fmt.Sprintf("set %s 7 0 %d\r\n%s", wants[i].Key, size, bytes.Repeat([]byte("v"), size))); got != "STORED" {
			t.Fatalf("set: got %q, want STORED", got)
		}
	}
	err := c.Heads(t.Context(), wants, func(r Result) { wants[r.Index].LastCAS = r.CAS })
	if err != nil {
		t.Fatal(err)
	}
	return wants
}

// say sends a command and returns the answer's one line.
func say(t testing.TB, c *Conn, command string) string {
	t.Helper()
	line, err := c.ask(command)
	if err != nil {
		t.Fatalf("%.40s: %v", command, err)
	}
	return string(line)
}
