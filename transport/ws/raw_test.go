package ws

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/commchannel/gateway/transport"
)

const (
	opText  = 0x81
	opClose = 0x88
	opPing  = 0x89
	opPong  = 0x8a
)

// rawDial opens a WebSocket by hand: the handshake and the given frames go
// out in one write, and nobody answers pings.
func rawDial(t *testing.T, addr, query string, frames ...[]byte) net.Conn {
	t.Helper()
	return rawSend(t, addr, handshake(query, frames...))
}

// rawSend opens a connection on which request goes out in one write.
func rawSend(t *testing.T, addr string, request []byte) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.(*net.TCPConn).SetReadBuffer(16 << 10)
	if _, err := nc.Write(request); err != nil {
		t.Fatal(err)
	}
	return nc
}

// handshake is a client's request, and the frames that follow it.
func handshake(query string, frames ...[]byte) []byte {
	out := []byte("GET /channel" + query + " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	for _, f := range frames {
		out = append(out, f...)
	}
	return out
}

// maskedText is text as a client's frame, masked with zeros.
func maskedText(text string) []byte {
	f := []byte{0x81}
	if len(text) < 126 {
		f = append(f, 0x80|byte(len(text)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(len(text)))
	}
	return append(append(f, 0, 0, 0, 0), text...)
}

// rawFrames reads a server's frames.
type rawFrames struct {
	t *testing.T
	r io.Reader
}

// rawReader reads the answer to the handshake, and then frames.
func rawReader(t *testing.T, nc net.Conn) *rawFrames {
	t.Helper()
	nc.SetReadDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(nc)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v %v", resp, err)
	}
	return &rawFrames{t, r}
}

// frame reads one frame: its first byte and its payload.
func (r *rawFrames) frame() (byte, []byte) {
	r.t.Helper()
	var head, long [8]byte
	r.read(head[:2])
	size := uint64(head[1])
	switch size {
	case 126:
		r.read(long[6:])
		size = binary.BigEndian.Uint64(long[:])
	case 127:
		r.read(long[:])
		size = binary.BigEndian.Uint64(long[:])
	}
	payload := make([]byte, size)
	r.read(payload)
	return head[0], payload
}

func (r *rawFrames) read(p []byte) {
	r.t.Helper()
	if _, err := io.ReadFull(r.r, p); err != nil {
		r.t.Fatalf("read: %v", err)
	}
}

// eventually waits for what nobody announces.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it did not come about")
		case <-tick.C:
		}
	}
}

// A readBefore is a ResponseWriter on a connection of which some was read before
// net/http had it.
type readBefore struct {
	http.ResponseWriter
	ahead []byte // and was not given out
}

func (w readBefore) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	return bareConn{nc, w.ahead}, rw, err
}

type bareConn struct {
	net.Conn
	ahead []byte
}

func (c bareConn) Bare() (net.Conn, []byte) { return c.Conn, c.ahead }

// TestConnectionReadBefore: it is a plain one underneath, and what was read comes
// behind what net/http has.
func TestConnectionReadBefore(t *testing.T) {
	h := newHandler(t, transport.Limits{}, nil)
	first, second := maskedText(`{"op":"ping","ref":1}`), maskedText(`{"op":"ping","ref":2}`)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(readBefore{w, slices.Concat(first[len(first)-5:], second)}, r)
	}))
	r := rawReader(t, rawDial(t, addr, "?clientid=a", first[:len(first)-5]))
	for _, want := range []string{`"welcome"`, `"ref":1`, `"ref":2`} {
		if _, payload := r.frame(); !bytes.Contains(payload, []byte(want)) {
			t.Fatalf("got %s, want %s", payload, want)
		}
	}
	for _, c := range openConns(h) {
		if !c.raw.Works() {
			t.Error("it is not written to without waiting")
		}
	}
}
