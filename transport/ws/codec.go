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
	plain, packed encoder
}

// NewCodec makes a Codec that compresses nothing. It wants Free.
func NewCodec() (*Codec, error) { return NewPackingCodec(0) }

// NewPackingCodec makes a Codec whose Pack compresses texts of packFrom bytes
// or more; 0: none. It wants Free.
func NewPackingCodec(packFrom int) (*Codec, error) {
	c := &Codec{}
	if err := c.plain.open(0); err != nil {
		return nil, err
	}
	if packFrom == 0 {
		return c, nil
	}
	if err := c.packed.open(packFrom); err != nil {
		c.Free()
		return nil, err
	}
	return c, nil
}

// Free ends what the library holds. The Codec can't be used any more.
func (c *Codec) Free() {
	c.plain.conn.CloseNow()
	if c.packed.conn != nil {
		c.packed.conn.CloseNow()
	}
}

// Frame appends text to dst as one text frame.
func (c *Codec) Frame(dst, text []byte) []byte { return c.plain.frame(dst, text) }

// Pack appends text to dst as one text frame, compressed if it is large
// enough: by itself, so that a client can read it whatever it got before.
func (c *Codec) Pack(dst, text []byte) []byte {
	if c.packed.conn == nil {
		return c.plain.frame(dst, text)
	}
	return c.packed.frame(dst, text)
}

// An encoder is a connection of the library's that leads to memory.
type encoder struct {
	mu   sync.Mutex
	conn *websocket.Conn
	out  *recorder
}

// open shakes hands with itself.
func (e *encoder) open(packFrom int) error {
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		return fmt.Errorf("ws: codec: %w", err)
	}
	r.Header = http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	options := &websocket.AcceptOptions{}
	if packFrom > 0 {
		r.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
		options.CompressionMode, options.CompressionThreshold = websocket.CompressionNoContextTakeover, packFrom
	}
	e.out = &recorder{}
	if e.conn, err = websocket.Accept(e.out, r, options); err != nil {
		return fmt.Errorf("ws: codec: %w", err)
	}
	return nil
}

func (e *encoder) frame(dst, text []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.out.bytes = dst
	if err := e.conn.Write(context.Background(), websocket.MessageText, text); err != nil {
		panic("ws: writing to memory: " + err.Error()) // only after Free
	}
	dst, e.out.bytes = e.out.bytes, nil
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
