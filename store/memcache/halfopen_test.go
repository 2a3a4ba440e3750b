package memcache

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// A relay passes connections on to memcached, and can leave those that are
// there half open: nothing goes through them any more, and neither side hears
// of it, as when a firewall on the way has forgotten them.
type relay struct {
	addr string

	mu   sync.Mutex
	held []net.Conn // of both sides; closed at the test's end
	dead *sync.WaitGroup
	gate chan struct{} // closed: what comes is dropped
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String(), dead: new(sync.WaitGroup), gate: make(chan struct{})}
	r.dead.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.held = append(r.held, near, far)
			gate := r.gate
			r.mu.Unlock()
			r.dead.Go(func() { pass(far, near, gate) })
			r.dead.Go(func() { pass(near, far, gate) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, c := range r.held {
			c.Close()
		}
		r.mu.Unlock()
		r.dead.Wait()
	})
	return r
}

// pass copies until one side ends, or drops once gate is closed.
func pass(to, from net.Conn, gate <-chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			to.Close()
			return
		}
		select {
		case <-gate:
			_, _ = io.Copy(io.Discard, from)
			return
		default:
			if _, err := to.Write(buf[:n]); err != nil {
				from.Close()
				return
			}
		}
	}
}

// forget leaves the connections of now half open. New ones work.
func (r *relay) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.gate)
	r.gate = make(chan struct{})
}

func testHalfOpenConnections(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t)
	r := startRelay(t, server.Addr)
	s, writer := openStore(t, Config{Addr: r.addr, Timeout: time.Second}), openStore(t, Config{Addr: server.Addr})
	hints := s.Watch(t.Context(), "c")
	awaitMode(t, s, modeOf(v))
	hears(t, s, writer, hints, "1")

	r.forget()
	awaitMode(t, s, byPolling)
	awaitMode(t, s, modeOf(v))
	at := mustTail(t, writer, "c")
	mustAppend(t, writer, "c", "2")
	await(t, hints, func() bool {
		p, err := s.Read(t.Context(), "c", at, 10)
		if err == nil && p.Gap {
			t.Error("half-open connections made a gap")
		}
		return err == nil && len(p.Messages) == 1
	})
}
