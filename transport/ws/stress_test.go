package ws

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// inBothModes runs a test with connections that are left to the poller while
// idle, where there is one, and with connections that have a goroutine each.
func inBothModes(t *testing.T, test func(t *testing.T, newHandler func(transport.Limits, func(*hub.Config)) *Handler)) {
	t.Helper()
	for _, portable := range []bool{false, true} {
		name := "poller"
		if portable {
			name = "goroutines"
		}
		t.Run(name, func(t *testing.T) {
			test(t, func(limits transport.Limits, change func(*hub.Config)) *Handler {
				h := newHandler(t, limits, change)
				if portable {
					h.pollOnce.Do(func() {}) // as where there is none
				}
				return h
			})
		})
	}
}

// A reader of the stress test: how it behaves, and what it has seen.
type stressed struct {
	nc    net.Conn
	slow  bool // takes a little at a time
	pings bool // between its reads
	leave int  // after so many messages; 0: never
}

// read reads messages numbered from 0, and wants each once and in order,
// whatever stands between them.
func (s *stressed) read(r *rawFrames, total int) error {
	for n := 0; n < total; {
		op, payload := r.frame()
		switch op {
		case opText:
		case opPing, 0x8a:
			continue
		default:
			return fmt.Errorf("message %d: got a frame %x", n, op)
		}
		f, err := protocol.DecodeServer(payload)
		if err != nil {
			return err
		}
		if f.Op == protocol.OpPong {
			continue
		}
		if want := fmt.Sprint("m", n); f.Op != protocol.OpMessage || f.ID != want {
			return fmt.Errorf("got %s, want message %s", f.Append(nil), want)
		}
		if n++; n == s.leave {
			return nil
		}
		if s.pings && n%5 == 0 {
			ping := []byte{0x89, 0x80 | 3, 0, 0, 0, 0, 'a', 'b', 'c'}
			if _, err := s.nc.Write(append(ping, maskedText(`{"op":"ping","ref":1}`)...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestInterleaving: a thousand readers over small sockets, of which some read
// little at a time, some ping all the while and some leave without a word, get
// every message once, whole and in order.
func TestInterleaving(t *testing.T) {
	readers, total := 1000, 24
	if testing.Short() {
		readers = 100
	}
	inBothModes(t, func(t *testing.T, newHandler func(transport.Limits, func(*hub.Config)) *Handler) {
		h := newHandler(transport.Limits{WriteTimeout: 5 * time.Minute}, func(c *hub.Config) { c.Lag, c.LogBytes = 64<<20, 64<<20 })
		addr := serveSmall(t, h)
		var reading sync.WaitGroup
		for i := range readers {
			s := &stressed{slow: i%10 == 1, pings: i%3 == 0}
			if i%10 == 2 {
				s.leave = 1 + rand.IntN(total-1)
			}
			query := fmt.Sprintf("?clientid=reader%d", i)
			s.nc = rawDial(t, addr, query, maskedText(`{"op":"subscribe","ref":1,"channel":"room"}`))
			if s.slow {
				s.nc = trickle{s.nc}
			}
			r := rawReader(t, s.nc)
			s.nc.SetReadDeadline(time.Now().Add(5 * time.Minute)) // a full socket costs the kernel a fifth of a second
			r.frame()                                             // welcome
			r.frame()                                             // subscribed
			reading.Go(func() {
				defer s.nc.Close()
				if err := s.read(r, total); err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
			})
		}
		for n := range total {
			size := 100
			if n%8 == 7 {
				size = 20_000
			}
			payload := `"` + strings.Repeat("x", size) + `"`
			send := fmt.Sprintf(`{"op":"send","channel":"room","id":"m%d","type":"t","payload":%s}`, n, payload)
			f, err := protocol.DecodeClient([]byte(send))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.sender.Send(t.Context(), &f, "writer"); err != nil {
				t.Fatal(err)
			}
		}
		reading.Wait()
		eventually(t, func() bool { return h.Connections() == 0 })
	})
}

// A trickle gives a few bytes at a time.
type trickle struct{ net.Conn }

func (c trickle) Read(p []byte) (int, error) {
	return c.Conn.Read(p[:min(len(p), 1+rand.IntN(3000))])
}

// TestBusyConnection: frames that follow each other in no time, in pieces and
// in bulk, from a reader that is heard again and again, are all answered.
func TestBusyConnection(t *testing.T) {
	inBothModes(t, func(t *testing.T, newHandler func(transport.Limits, func(*hub.Config)) *Handler) {
		addr := serve(t, newHandler(transport.Limits{}, nil))
		nc := rawDial(t, addr, "?clientid=alice")
		r := rawReader(t, nc)
		r.frame() // welcome
		const rounds = 300
		for i := range rounds {
			frames := maskedText(fmt.Sprintf(`{"op":"ping","ref":%d}`, 2*i))
			frames = append(frames, maskedText(fmt.Sprintf(`{"op":"ping","ref":%d}`, 2*i+1))...)
			for cut := 1 + rand.IntN(len(frames)-1); len(frames) > 0; cut = len(frames) {
				if _, err := nc.Write(frames[:cut]); err != nil {
					t.Fatal(err)
				}
				frames = frames[cut:]
			}
			for ref := 2 * i; ref < 2*i+2; ref++ {
				if text := mustText(t, r); string(text) != fmt.Sprintf(`{"op":"pong","ref":%d}`, ref) {
					t.Fatalf("got %s, want the pong %d", text, ref)
				}
			}
		}
		// Idle for longer than a busy connection waits, and in the middle of a
		// frame: it still is heard.
		frame := maskedText(`{"op":"ping","ref":-1}`)
		for _, piece := range [][]byte{frame[:3], frame[3:20], frame[20:]} {
			idle := time.NewTimer(2 * busyWait)
			<-idle.C
			if _, err := nc.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if text := mustText(t, r); string(text) != `{"op":"pong","ref":-1}` {
			t.Fatalf("got %s, want the last pong", text)
		}
	})
}
