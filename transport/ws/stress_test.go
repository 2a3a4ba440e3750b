package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
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
				if portable {
					return newHandlerWith(t, netpoll.None(), limits, change)
				}
				return newHandler(t, limits, change)
			})
		})
	}
}

// A reader of the stress test: how it behaves, and what it has seen.
type stressed struct {
	nc      net.Conn
	slow    bool // takes a little at a time
	pings   bool // between its reads, in frames that come in pieces
	leave   int  // after so many messages; 0: never
	goodbye bool // is said when leaving
	cut     bool // off, at some time
}

// read reads messages numbered from 0, and wants each once and in order,
// whatever stands between them.
func (s *stressed) read(r *rawFrames, total int) error {
	for n := 0; n < total; {
		op, payload := r.frame()
		switch {
		case op == opText:
		case op == opPing, op == opPong:
			continue
		case op == opClose && s.cut && binary.BigEndian.Uint16(payload) == uint16(protocol.CloseDraining):
			return nil
		default:
			return fmt.Errorf("message %d: got a frame %x", n, op)
		}
		f, err := protocol.DecodeServer(payload)
		if err != nil {
			return err
		}
		if f.Op == protocol.OpPong || f.Op == protocol.OpBye && s.cut {
			continue
		}
		if want := fmt.Sprint("m", n); f.Op != protocol.OpMessage || f.ID != want {
			return fmt.Errorf("got %s, want message %s", f.Append(nil), want)
		}
		if n++; n == s.leave {
			return s.depart(r)
		}
		if s.pings && n%5 == 0 {
			if err := s.ping(); err != nil {
				return err
			}
		}
	}
	return nil
}

// ping sends a ping of either kind, cut somewhere.
func (s *stressed) ping() error {
	frames := append([]byte{opPing, 0x80 | 3, 0, 0, 0, 0, 'a', 'b', 'c'}, maskedText(`{"op":"ping","ref":1}`)...)
	cut := rand.IntN(len(frames))
	if _, err := s.nc.Write(frames[:cut]); err != nil {
		return err
	}
	_, err := s.nc.Write(frames[cut:])
	return err
}

// depart leaves. After a goodbye the server is the one who ends the connection,
// whatever is still under way.
func (s *stressed) depart(r *rawFrames) error {
	if !s.goodbye {
		return nil
	}
	if _, err := s.nc.Write(goodbyeFrame); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.r); errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("after goodbye: %w", err)
	}
	return nil
}

// TestInterleaving: a thousand readers over small sockets, of which some read
// little at a time, some ping all the while, some leave, with or without a
// word, and some are sent away, get every message once, whole and in order.
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
			s := &stressed{slow: i%10 == 1, pings: i%3 == 0, goodbye: i%20 == 2, cut: i%10 == 3}
			if i%10 == 2 {
				s.leave = 1 + rand.IntN(total-1)
			}
			r := s.enter(t, addr, fmt.Sprintf("reader%d", i))
			reading.Go(func() {
				defer s.nc.Close()
				if err := s.read(r, total); err != nil {
					t.Errorf("reader %d: %v", i, err)
				}
			})
		}
		for n := range total {
			sendNumbered(t, h, n)
			for _, c := range openConns(h) {
				if i, err := strconv.Atoi(strings.TrimPrefix(c.clientID, "reader")); err == nil && i%10 == 3 && i/10%total == n {
					c.goodbye()
				}
			}
		}
		reading.Wait()
		eventually(t, func() bool { return h.Connections() == 0 })
	})
}

// enter connects and subscribes.
func (s *stressed) enter(t *testing.T, addr, clientID string) *rawFrames {
	t.Helper()
	s.nc = rawDial(t, addr, "?clientid="+clientID, maskedText(`{"op":"subscribe","ref":1,"channel":"room"}`))
	if s.slow {
		s.nc = trickle{s.nc}
	}
	r := rawReader(t, s.nc)
	s.nc.SetReadDeadline(time.Now().Add(5 * time.Minute)) // a full socket costs the kernel a fifth of a second
	r.frame()                                             // welcome
	r.frame()                                             // subscribed
	return r
}

// sendNumbered sends message n, of which some are large.
func sendNumbered(t *testing.T, h *Handler, n int) {
	t.Helper()
	size := 100
	if n%8 == 7 {
		size = 20_000
	}
	send := fmt.Sprintf(`{"op":"send","channel":"room","id":"m%d","type":"t","payload":"%s"}`, n, strings.Repeat("x", size))
	f, err := protocol.DecodeClient([]byte(send))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.sender.Send(t.Context(), &f, "writer"); err != nil {
		t.Fatal(err)
	}
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
