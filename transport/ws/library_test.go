package ws

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// What coder/websocket v1.8.15 does, and the test that holds the gateway
// against it. Where a new release of it no longer does so, the test may go,
// and with it what the code does for its sake.
//
//	a Write flushes each message, there is no cork  hub: TestPause, TestMessagesAreEncodedOnceForAll
//	a context that may end costs 11 allocations     TestEncodingAllocatesNothing, TestReadingAllocatesNothing
//	... and its end kills the connection            TestCallsOfTheLibrary
//	Close in a ping's callback waits for itself     TestPingsWhileClosing, TestCallsOfTheLibrary
//	Close may take 25 s                             TestCuttingOffTakesNoTime, TestCallsOfTheLibrary
//	a Conn that is not closed is never collected    TestEndedConnectionsAreCollected
//	text need not be UTF-8                          TestBadFramesEndTheConnection
//	Ping keeps a goroutine until the pong           TestPingsTakeNoGoroutine, TestCallsOfTheLibrary
//	Read is io.ReadAll                              TestReadingAllocatesNothing
//	context take-over costs 1.2 MB a connection     TestCompression, TestPackedFrames
//	Accept hands on what net/http read ahead        TestReadAhead
//	Accept lets in a page whose Origin is its Host  transport: TestGuardCheckHost, internal/gateway: TestOrigins
//
// And what Go and the kernel do to a connection that is written to past the
// library:
//
//	a deadline that has passed fails RawConn.Write  TestWriteLeavesNoDeadline
//	close(2) wakes no reader that waits in epoll    TestAbortWakesTheReader
//	RawConn.Write waits for a Write to end          hub: fakeSink, in all tests
//	http.Server.Shutdown forgets who has upgraded   internal/gateway: TestDrain
//	who waits for a read keeps its goroutine        TestBusyConnectionsKeepNobodyWaiting

// A client's frames, masked with zeros.
var (
	rawPing      = []byte{opPing, 0x80, 0, 0, 0, 0}
	goodbyeFrame = []byte{opClose, 0x82, 0, 0, 0, 0, 3, 0xe8} // 1000
)

// TestPingsWhileClosing: who pings all the while, and goes on when told that it
// is over, is cut off, sent away and aborted as anybody else.
func TestPingsWhileClosing(t *testing.T) {
	inBothModes(t, func(t *testing.T, newHandler func(transport.Limits, func(*hub.Config)) *Handler) {
		h := newHandler(transport.Limits{}, nil)
		addr := serve(t, h)
		var peers sync.WaitGroup
		const many = 12
		for i := range many {
			nc := rawDial(t, addr, fmt.Sprintf("?clientid=peer%d", i))
			r := rawReader(t, nc)
			r.frame() // welcome
			peers.Go(func() { pingOn(nc, r.r) })
		}
		eventually(t, func() bool { return h.Connections() == many })
		for i, c := range openConns(h) {
			switch i % 3 {
			case 0:
				c.hub.Cut(protocol.CloseTooSlow, "too slow")
			case 1:
				c.goodbye()
			case 2:
				c.wire.Abort()
			}
		}
		eventually(t, func() bool { return h.Connections() == 0 })
		peers.Wait()
	})
}

// pingOn pings and reads until it is told goodbye; then it pings some more
// before it says so, too.
func pingOn(nc net.Conn, r io.Reader) {
	defer nc.Close()
	const atOnce = 10
	for {
		if _, err := nc.Write(bytes.Repeat(rawPing, atOnce)); err != nil {
			return
		}
		for range atOnce {
			var frame [2 + 125]byte // all that come are small
			if _, err := io.ReadFull(r, frame[:2]); err != nil {
				return
			}
			if _, err := io.ReadFull(r, frame[2:2+frame[1]]); err != nil {
				return
			}
			if frame[0] == opClose {
				_, _ = nc.Write(append(bytes.Repeat(rawPing, atOnce), goodbyeFrame...)) // it may be over
				_, _ = io.Copy(io.Discard, r)
				return
			}
		}
	}
}

// openConns are h's open connections.
func openConns(h *Handler) (all []*conn) {
	for i := range slots {
		all = append(all, h.conns.slot(i)...)
	}
	return all
}

// mute dials through a pipe and reads whatever comes, but says nothing.
func mute(t *testing.T, l *pipeListener) {
	t.Helper()
	nc, err := l.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	go nc.Write(handshake("?clientid=mute"))
	go io.Copy(io.Discard, nc)
	synctest.Wait()
}

// TestCuttingOffTakesNoTime: nobody waits for a peer that doesn't say goodbye
// in turn, and its connection ends all the same.
func TestCuttingOffTakesNoTime(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *Handler, l *pipeListener) {
		const peers = 3
		for range peers {
			mute(t, l)
		}
		begin := time.Now()
		for _, c := range openConns(h) {
			c.goodbye()
		}
		if waited := time.Since(begin); waited != 0 || h.Connections() != peers {
			t.Errorf("got %v to tell %d connections, want no time for %d", waited, h.Connections(), peers)
		}
		if err := h.Drain(t.Context(), 0); err != nil {
			t.Error(err)
		}
		if waited := time.Since(begin); waited > finishWait+lingerWait {
			t.Errorf("they ended after %v, want %v at most", waited, finishWait+lingerWait)
		}
	})
}

// TestPingsTakeNoGoroutine, though nobody answers them. Other goroutines of the
// process come and go.
func TestPingsTakeNoGoroutine(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *Handler, l *pipeListener) {
		const peers = 20
		for range peers {
			mute(t, l)
		}
		before := runtime.NumGoroutine()
		time.Sleep(h.limits.Ping + h.limits.Ping/2) // of the bubble's clock: each was pinged
		synctest.Wait()
		if got := runtime.NumGoroutine(); got >= before+peers/2 || h.Connections() != peers {
			t.Errorf("got %d goroutines with %d connections, want about %d with %d", got, h.Connections(), before, peers)
		}
	})
}

// TestEndedConnectionsAreCollected, in whatever way they ended.
func TestEndedConnectionsAreCollected(t *testing.T) {
	const many, held = 100, 20 // at most, by what waits to serve the next connections
	inBothModes(t, func(t *testing.T, newHandler func(transport.Limits, func(*hub.Config)) *Handler) {
		h := newHandler(transport.Limits{}, nil)
		addr := serve(t, h)
		for way, end := range map[string]func(nc *net.TCPConn){
			"goodbye":        func(nc *net.TCPConn) { nc.Write(goodbyeFrame) },
			"end of stream":  func(nc *net.TCPConn) { nc.CloseWrite() },
			"reset":          func(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() },
			"protocol error": func(nc *net.TCPConn) { nc.Write([]byte{0xff, 0x80, 0, 0, 0, 0}) },
			"aborted": func(*net.TCPConn) {
				for _, c := range openConns(h) {
					c.wire.Abort()
				}
			},
		} {
			peers, library, own := openMany(t, h, addr, many)
			for _, nc := range peers {
				end(nc)
			}
			eventually(t, func() bool { return h.Connections() == 0 })
			eventually(t, func() bool {
				runtime.GC()
				return alive(library) <= held && alive(own) <= held
			})
			t.Logf("%s: %d of %d not collected", way, alive(own), many)
			for _, nc := range peers {
				nc.Close()
			}
		}
	})
	plain, packed := freed(t)
	eventually(t, func() bool {
		runtime.GC()
		return plain.Value() == nil && packed.Value() == nil
	})
}

// TestBusyConnectionsKeepNobodyWaiting: a connection that is heard often waits
// for more in a goroutine of its own. In one of the poller's it would keep all
// others waiting, until another one was started.
func TestBusyConnectionsKeepNobodyWaiting(t *testing.T) {
	h := newHandler(t, transport.Limits{}, nil)
	if !h.cfg.Poller.Works() {
		t.Skip("every connection has a goroutine of its own on this system")
	}
	c := enter(t, serve(t, h), "alice")
	eventually(t, func() bool {
		c.say(`{"op":"ping","ref":1}`)
		c.want(protocol.OpPong)
		return strings.Contains(stacks(), "created by github.com/commchannel/gateway/transport/ws.(*conn).Ready")
	})
}

// stacks are those of all goroutines.
func stacks() string {
	all := make([]byte, 1<<20)
	return string(all[:runtime.Stack(all, true)])
}

// freed points at the connections of a Codec that has had its time.
func freed(t *testing.T) (plain, packed weak.Pointer[websocket.Conn]) {
	t.Helper()
	c, err := NewPackingCodec(packFrom)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	return weak.Make(c.plain.conn), weak.Make(c.packed.conn)
}

// openMany opens connections that subscribe, and points at what they are made of.
func openMany(t *testing.T, h *Handler, addr string, many int) (peers []*net.TCPConn, library []weak.Pointer[websocket.Conn], own []weak.Pointer[conn]) {
	t.Helper()
	for range many {
		nc := rawDial(t, addr, "?clientid=alice", maskedText(`{"op":"subscribe","ref":1,"channel":"room"}`))
		r := rawReader(t, nc)
		r.frame() // welcome
		r.frame() // subscribed
		peers = append(peers, nc.(*net.TCPConn))
	}
	for _, c := range openConns(h) {
		library, own = append(library, weak.Make(c.ws)), append(own, weak.Make(c))
	}
	if len(own) != many {
		t.Fatalf("got %d connections open, want %d", len(own), many)
	}
	return peers, library, own
}

// alive counts what has not been collected.
func alive[T any](all []weak.Pointer[T]) (n int) {
	for _, p := range all {
		if p.Value() != nil {
			n++
		}
	}
	return n
}

// TestWriteLeavesNoDeadline: what is written directly after a slow time does
// not fail for the deadlines of that time.
func TestWriteLeavesNoDeadline(t *testing.T) {
	limit := 20 * time.Millisecond
	h := newHandler(t, transport.Limits{WriteTimeout: limit}, nil)
	near, far := tcpPair(t)
	var w wire
	w.init(near, h)
	s := sink{&w}
	if err := s.Write([]byte("slowly")); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * limit)
	if n, err := s.TryWrite([]byte(" and directly")); n != len(" and directly") || err != nil {
		t.Errorf("past the deadline: got %d bytes written, %v", n, err)
	}
	near.Close()
	if got, err := io.ReadAll(far); string(got) != "slowly and directly" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// tcpPair are the two ends of a connection.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// TestAbortWakesTheReader, who waits for the poller or in a read, and cleans
// up.
func TestAbortWakesTheReader(t *testing.T) {
	inBothModes(t, func(t *testing.T, newHandler func(transport.Limits, func(*hub.Config)) *Handler) {
		h := newHandler(transport.Limits{}, nil)
		addr := serve(t, h)
		const many = 20
		for range many {
			c := enter(t, addr, "idle")
			c.say(`{"op":"ping","ref":1}`)
			c.want(protocol.OpPong)
		}
		eventually(t, func() bool { return h.Connections() == many })
		for _, c := range openConns(h) {
			c.wire.Abort()
		}
		eventually(t, func() bool { return h.Connections() == 0 })
	})
}
