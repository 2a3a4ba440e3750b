package netpoll

import (
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// newPoller makes a Poller that works, or skips the test.
func newPoller(t testing.TB) *Poller {
	t.Helper()
	p := New(zerolog.Nop())
	if !p.Works() {
		t.Skip("connections can't be watched on this system")
	}
	t.Cleanup(p.Close)
	return p
}

// A pair is a connection: its near end, with all that is made of it, and the
// far one.
type pair struct {
	t         testing.TB
	poller    *Poller
	near, far *net.TCPConn
	raw       Conn
	ready     chan struct{}
	then      func() // called by Ready, before it tells; may be nil
}

// Ready tells that it was called.
func (c *pair) Ready() {
	if c.then != nil {
		c.then()
	}
	c.ready <- struct{}{}
}

// connect makes a pair. The test closes its ends.
func connect(t testing.TB, p *Poller, l net.Listener) *pair {
	t.Helper()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return &pair{t: t, poller: p, near: near.(*net.TCPConn), far: far.(*net.TCPConn), raw: p.Conn(near), ready: make(chan struct{}, 8)}
}

// newPair is connect with a listener of its own. It is closed at the end.
func newPair(t testing.TB, p *Poller) *pair {
	t.Helper()
	l := listen(t)
	c := connect(t, p, l)
	t.Cleanup(c.close)
	return c
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// close ends a pair that is not armed.
func (c *pair) close() {
	c.poller.Remove(&c.raw)
	c.near.Close()
	c.far.Close()
}

func (c *pair) arm() {
	c.t.Helper()
	if !c.poller.Arm(&c.raw, c) {
		c.t.Fatal("arm: refused")
	}
}

// say writes text at the far end.
func (c *pair) say(text string) {
	c.t.Helper()
	if _, err := c.far.Write([]byte(text)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// wantReady wants Ready to be called.
func (c *pair) wantReady() {
	c.t.Helper()
	select {
	case <-c.ready:
	case <-time.After(patience):
		c.t.Fatal("Ready was not called")
	}
}

// wantRead wants Read to give text.
func (c *pair) wantRead(text string) {
	c.t.Helper()
	p := make([]byte, 100)
	if n, err := c.raw.Read(p, false); err != nil || string(p[:n]) != text {
		c.t.Fatalf("read: got %q %v, want %q", p[:n], err, text)
	}
}

// wantSilence wants Ready not to have been called. A Ready of another one
// later in the queue shows that this one's would have come.
func (c *pair) wantSilence() {
	c.t.Helper()
	select {
	case <-c.ready:
		c.t.Error("Ready was called")
	default:
	}
}
