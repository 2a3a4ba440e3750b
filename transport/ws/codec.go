package ws

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"sync"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
)

var _ hub.Codec = (*Codec)(nil)

// A Codec makes WebSocket frames. The library encodes them, over a connection
// that only remembers: so each message is encoded once, whoever gets it. Its
// methods may be called from any goroutine.
type Codec struct {
	mu   sync.Mutex
	conn *websocket.Conn
	out  *recorder
}

// NewCodec makes a Codec. It wants Free.
func NewCodec() (*Codec, error) {
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		return nil, err
	}
	r.Header = http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	out := &recorder{}
	conn, err := websocket.Accept(out, r, nil)
	if err != nil {
		return nil, fmt.Errorf("ws: codec: %w", err)
	}
	return &Codec{conn: conn, out: out}, nil
}

// Free ends what the library holds. The Codec can't be used any more.
func (c *Codec) Free() { c.conn.CloseNow() }

// Frame appends text to dst as one text frame.
func (c *Codec) Frame(dst, text []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.bytes = dst
	if err := c.conn.Write(context.Background(), websocket.MessageText, text); err != nil {
		panic("ws: writing to memory: " + err.Error()) // only after Free
	}
	dst, c.out.bytes = c.out.bytes, nil
	return dst
}

const maxReason = 123 // bytes, of a close frame

// Close appends a close frame to dst. A reason too long for one is cut.
func (c *Codec) Close(dst []byte, code protocol.CloseCode, reason string) []byte {
	for len(reason) > maxReason {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	dst = append(dst, 0x88, byte(2+len(reason)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// ping is a ping frame without a payload.
var ping = []byte{0x89, 0}

// A recorder is a connection, and the response that leads to it, that keeps what
// is written to it.
type recorder struct {
	net.Conn // nil: nobody reads
	bytes    []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.bytes = append(r.bytes, p...)
	return len(p), nil
}

func (*recorder) Close() error        { return nil }
func (*recorder) Header() http.Header { return http.Header{} }
func (*recorder) WriteHeader(int)     {}

func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return r, bufio.NewReadWriter(bufio.NewReader(nil), bufio.NewWriter(r)), nil
}
