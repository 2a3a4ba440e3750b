package ws

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/transport"
)

// A loop is a connection on which the same frames come so many times, and then
// the end. What is written to it is dropped.
type loop struct {
	net.Conn
	frames []byte
	next   []byte
	times  int
}

func (l *loop) Read(p []byte) (int, error) {
	if len(l.next) == 0 {
		if l.times == 0 {
			return 0, io.EOF
		}
		l.times--
		l.next = l.frames
	}
	n := copy(p, l.next)
	l.next = l.next[n:]
	return n, nil
}

func (*loop) Write(p []byte) (int, error)      { return len(p), nil }
func (*loop) Close() error                     { return nil }
func (*loop) SetWriteDeadline(time.Time) error { return nil }
func (l *loop) Header() http.Header            { return http.Header{} }
func (l *loop) WriteHeader(int)                {}
func (l *loop) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return l, bufio.NewReadWriter(bufio.NewReader(l), bufio.NewWriter(l)), nil
}

// loopConn is a connection of h's over l, past its hello.
func loopConn(tb testing.TB, h *Handler, l *loop) *conn {
	tb.Helper()
	c := &conn{clientID: "alice"}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(string(handshake("")))))
	if err != nil {
		tb.Fatal(err)
	}
	u := &upgrade{ResponseWriter: l, handler: h, wire: &c.wire}
	if c.ws, err = websocket.Accept(u, r, &websocket.AcceptOptions{OnPingReceived: c.heardPing}); err != nil {
		tb.Fatal(err)
	}
	c.ws.SetReadLimit(1 << 20)
	tb.Cleanup(func() { c.ws.CloseNow(); c.hub.Close() })
	return c
}

// padded is a frame of size bytes that wants no answer.
func padded(size int) []byte {
	const text = `{"op":"ping","padding":""}`
	return maskedText(text[:len(text)-2] + strings.Repeat("x", size-len(text)) + `"}`)
}

func TestReadingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector pools forget at random")
	}
	h := newHandler(t, transport.Limits{}, nil)
	for _, size := range []int{100, 16 << 10} {
		const many = 1000
		l := &loop{frames: padded(size)}
		got := testing.AllocsPerRun(1, func() {
			l.times = many
			c := loopConn(t, h, l)
			if err := c.readAll(); err == nil || l.times != 0 {
				t.Errorf("%d frames not read: %v", l.times, err)
			}
		})
		if got >= many {
			t.Errorf("%d bytes: got %v allocations for %d messages, want those of one connection", size, got, many)
		}
	}
}

// TestEncodingAllocatesNothing, in a thousand messages.
func TestEncodingAllocatesNothing(t *testing.T) {
	codec, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer codec.Free()
	for _, size := range sizes {
		f := serverMessage(size)
		text := f.Append(nil)
		framed := codec.Frame(nil, text)
		got := testing.AllocsPerRun(1, func() {
			for range 1000 {
				text = f.Append(text[:0])
				framed = codec.Frame(framed[:0], text)
			}
		})
		if got != 0 {
			t.Errorf("%d bytes: got %v allocations for 1000 messages, want 0", size, got)
		}
	}
}
