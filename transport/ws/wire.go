package ws

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/transport/netpoll"
)

const (
	finishWait = 5 * time.Second // for the peer's goodbye
	lingerWait = time.Second     // for the peer to read ours
	lingerMost = 1 << 20         // bytes read and dropped meanwhile

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
	raw     netpoll.Conn // reads and writes that don't wait
	handler *Handler
	hub     *hub.Conn
	seen    atomic.Int64  // Handler.now, when the peer was last heard
	polled  bool          // left to the poller while idle, without a goroutine
	buffer  *bufio.Reader // the library's

	// owned by the reader
	ahead   []byte // what net/http read behind the handshake
	mayIdle bool   // the next read need not wait
	dry     bool   // the last read took all there was
	busy    bool   // waits for more for a while, rather than be idle at once
	until   int64  // the read deadline of a busy wire, in unix nanoseconds
}

func (w *wire) init(nc net.Conn, h *Handler) {
	w.Conn, w.raw, w.handler = nc, h.cfg.Poller.Conn(nc), h
	w.polled = h.cfg.Poller.Works() && w.raw.Works()
	w.hub = h.cfg.Hub.NewConn(sink{w})
	w.seen.Store(h.now.Load())
}

// Read is for the library.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.ahead) > 0 {
		n := copy(p, w.ahead)
		if w.ahead = w.ahead[n:]; len(w.ahead) == 0 {
			w.ahead = nil
		}
		w.mayIdle = false // in the middle of a frame, perhaps
		return n, nil
	}
	n, err := w.receive(p)
	if n > 0 {
		w.mayIdle = false // in the middle of a frame, perhaps
		w.seen.Store(w.handler.now.Load())
	}
	return n, err
}

// receive reads what has come. Between two frames it waits for more only
// where the wire is busy.
func (w *wire) receive(p []byte) (int, error) {
	if !w.raw.Works() {
		return w.Conn.Read(p)
	}
	if w.mayIdle && w.busy {
		w.extend()
	} else if w.mayIdle && w.dry {
		return 0, netpoll.ErrIdle
	}
	n, err := w.raw.Read(p, w.busy || !w.mayIdle)
	if w.busy && errors.Is(err, os.ErrDeadlineExceeded) {
		w.relax()
		w.dry = true
		return w.receive(p)
	}
	w.dry = n < len(p)
	return n, err
}

// busyWait is for how long a busy wire waits for more. Who is heard again
// within that time has a busy one: to wait in a goroutine of one's own takes
// memory, but no start of a goroutine for each message.
const busyWait = 50 * time.Millisecond

// extend lets the wire wait for busyWait, or half of it: to set a deadline
// costs, too.
func (w *wire) extend() {
	if now := time.Now(); w.until-now.UnixNano() < int64(busyWait/2) {
		w.until = now.UnixNano() + int64(busyWait)
		w.Conn.SetReadDeadline(now.Add(busyWait))
	}
}

// relax is the end of being busy.
func (w *wire) relax() {
	w.busy, w.until = false, 0
	w.Conn.SetReadDeadline(time.Time{})
}

// Write is for the library, whose control frames come here whole.
func (w *wire) Write(p []byte) (int, error) {
	w.hub.Raw(p)
	return len(p), nil
}

// Close is for the library, which calls it once: when the peer has said goodbye,
// or at CloseNow.
func (w *wire) Close() error {
	w.handler.cfg.Poller.Remove(&w.raw) // while there is a descriptor to remove
	return w.Conn.Close()
}

// A sink is a wire's side to the hub: all of the wire, but for Write, which
// means something else to the library.
type sink struct{ *wire }

// TryWrite is for the hub.
func (s sink) TryWrite(p []byte) (int, error) { return s.raw.TryWrite(p) }

// Write is for the hub.
func (s sink) Write(p []byte) error {
	s.Conn.SetWriteDeadline(time.Now().Add(s.handler.limits.WriteTimeout))
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

// An upgrade is a response whose connection, once hijacked, is a wire. It
// keeps what net/http would write, so that the client gets it together with
// its first frame.
type upgrade struct {
	http.ResponseWriter
	handler  *Handler
	wire     *wire
	switches bool   // the status is 101
	head     []byte // of the response
}

// WriteHeader is for the library, which hijacks at once after a 101.
func (u *upgrade) WriteHeader(status int) {
	if u.switches = status == http.StatusSwitchingProtocols; !u.switches {
		u.ResponseWriter.WriteHeader(status)
	}
}

// A barer is a connection of which some was read before net/http took it.
type barer interface {
	// Bare is the connection itself, and what was read of it and not given out.
	Bare() (net.Conn, []byte)
}

// Hijack gives the library a wire and small buffers; those of net/http are
// let go.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	head := bytes.NewBufferString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = u.Header().Write(head) // to memory
	u.head = append(head.Bytes(), "\r\n"...)
	var behind []byte
	if b, ok := nc.(barer); ok {
		nc, behind = b.Bare()
	}
	w := u.wire
	w.init(nc, u.handler)
	ahead, _ := rw.Reader.Peek(rw.Reader.Buffered())
	w.ahead = slices.Concat(ahead, behind)
	w.buffer = bufio.NewReaderSize(w, readBuffer)
	return w, bufio.NewReadWriter(w.buffer, bufio.NewWriterSize(w, writeBuffer)), nil
}
