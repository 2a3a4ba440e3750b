package ws

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/commchannel/gateway/hub"
)

const (
	writeWait  = 10 * time.Second // for one range of frames
	finishWait = 5 * time.Second  // for the peer's goodbye
	lingerWait = time.Second      // for the peer to read ours
	lingerMost = 1 << 20          // bytes read and dropped meanwhile

	// The library's buffers. A control frame has 127 bytes at most: with a
	// writer of 128 it reaches the wire whole.
	readBuffer  = 256
	writeBuffer = 128
)

var (
	_ net.Conn = (*wire)(nil)
	_ hub.Sink = sink{}
)

// A wire is the connection under a WebSocket: net.Conn to the library, which
// reads and writes control frames, and hub.Sink to the hub, which writes all
// else. What the library writes goes through the hub, too, so that it stands
// between two frames.
type wire struct {
	net.Conn
	hub  *hub.Conn
	now  *atomic.Int64 // unix seconds, kept by the walker
	seen atomic.Int64  // now, when the peer was last heard

	polled bool          // left to the poller while idle, without a goroutine
	buffer *bufio.Reader // the library's

	// owned by the reader
	ahead   []byte // what net/http read behind the handshake
	mayIdle bool   // the next read need not wait

	*direct // writes that don't wait
}

func newWire(nc net.Conn, h *Handler) *wire {
	w := &wire{Conn: nc, now: &h.now, direct: newDirect(nc)}
	w.polled = h.polls(w.direct)
	w.hub = h.cfg.Hub.NewConn(sink{w})
	w.seen.Store(h.now.Load())
	return w
}

// Read is for the library.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.ahead) > 0 {
		n := copy(p, w.ahead)
		if w.ahead = w.ahead[n:]; len(w.ahead) == 0 {
			w.ahead = nil
		}
		return n, nil
	}
	var n int
	var err error
	if w.mayIdle {
		n, err = w.TryRead(p)
	} else {
		n, err = w.Conn.Read(p)
	}
	if n > 0 {
		w.mayIdle = false // in the middle of a frame, perhaps
		w.seen.Store(w.now.Load())
	}
	return n, err
}

// Write is for the library, whose control frames come here whole.
func (w *wire) Write(p []byte) (int, error) {
	w.hub.Raw(p)
	return len(p), nil
}

// A sink is a wire's side to the hub: all of the wire, but for Write, which
// means something else to the library.
type sink struct{ *wire }

// Write is for the hub.
func (s sink) Write(p []byte) error {
	s.Conn.SetWriteDeadline(time.Now().Add(writeWait))
	_, err := s.Conn.Write(p)
	s.Conn.SetWriteDeadline(time.Time{}) // one that has passed would fail TryWrite
	return err
}

// Finish is for the hub.
func (w *wire) Finish() { time.AfterFunc(finishWait, w.Abort) }

// Abort is for the hub. It shuts the connection down rather than close it:
// the reader wakes up, and cleans up.
func (w *wire) Abort() {
	tcp, ok := w.Conn.(*net.TCPConn)
	if !ok {
		w.Conn.Close()
		return
	}
	_ = tcp.CloseRead() // it may have ended already
	_ = tcp.CloseWrite()
}

// linger lets the peer read what was written last, before the connection
// closes: a close with bytes unread would throw it away.
func (w *wire) linger() {
	if tcp, ok := w.Conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil {
		tcp.SetReadDeadline(time.Now().Add(lingerWait))
		_, _ = io.CopyN(io.Discard, tcp, lingerMost)
	}
}

// An upgrade is a response whose connection, once hijacked, is a wire.
type upgrade struct {
	http.ResponseWriter
	handler *Handler
	wire    *wire
}

// Hijack gives the library a wire and small buffers; those of net/http are
// let go.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	u.wire = newWire(nc, u.handler)
	if n := rw.Reader.Buffered(); n > 0 {
		ahead, _ := rw.Reader.Peek(n)
		u.wire.ahead = append([]byte(nil), ahead...)
	}
	u.wire.buffer = bufio.NewReaderSize(u.wire, readBuffer)
	return u.wire, bufio.NewReadWriter(u.wire.buffer, bufio.NewWriterSize(u.wire, writeBuffer)), nil
}
