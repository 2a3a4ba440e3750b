package ws

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// newCompressing is newHandler with compression allowed, from packFrom bytes on.
func newCompressing(t *testing.T) *Handler {
	t.Helper()
	h := newHandler(t, transport.Limits{}, nil)
	h.cfg.Compress = true
	return h
}

func dialCompressing(t *testing.T, addr, clientID string, mode websocket.CompressionMode) (*client, *http.Response) {
	t.Helper()
	ws, resp, err := websocket.Dial(t.Context(), "ws://"+addr+"/channel?clientid="+clientID,
		&websocket.DialOptions{CompressionMode: mode, CompressionThreshold: 1})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	c := &client{t, ws}
	c.want(protocol.OpWelcome)
	return c, resp
}

func TestCompression(t *testing.T) {
	addr := serve(t, newCompressing(t))
	plain := enter(t, addr, "plain")
	one, resp := dialCompressing(t, addr, "one", websocket.CompressionContextTakeover)
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); !strings.Contains(got, "server_no_context_takeover") || !strings.Contains(got, "client_no_context_takeover") {
		t.Errorf("agreed on %q, want no context kept on either side", got)
	}
	two, _ := dialCompressing(t, addr, "two", websocket.CompressionNoContextTakeover)
	for _, c := range []*client{plain, one, two} {
		c.subscribe("room")
	}
	for _, size := range []int{1, packFrom, 10_000, 60_000} {
		payload := `"` + strings.Repeat("äb", size/3) + `"`
		one.say(`{"op":"send","channel":"room","type":"t","payload":` + payload + `}`)
		for _, c := range []*client{plain, two} {
			if f := c.want(protocol.OpMessage); string(f.Payload) != payload {
				t.Errorf("%d bytes: got another payload of %d", len(payload), len(f.Payload))
			}
		}
	}
}

func TestCompressionIsOffUnlessAllowed(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	_, resp := dialCompressing(t, addr, "one", websocket.CompressionContextTakeover)
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
		t.Errorf("agreed on %q, want nothing", got)
	}
}

func TestPackedFrames(t *testing.T) {
	c, err := NewPackingCodec(100)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	small, large := []byte(strings.Repeat("x", 99)), []byte(strings.Repeat("hello ", 1000))
	if !bytes.Equal(c.Pack(nil, small), c.Frame(nil, small)) {
		t.Error("a small text is packed")
	}
	first, second := c.Pack(nil, large), c.Pack(nil, large)
	if !bytes.Equal(first, second) {
		t.Error("a frame depends on the one before it")
	}
	r := &rawFrames{t: t, r: bytes.NewReader(first)}
	op, payload := r.frame()
	if op != opText|0x40 || len(payload) > len(large)/10 {
		t.Fatalf("got a frame %x of %d bytes, want a compressed one", op, len(payload))
	}
	text, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil || !bytes.Equal(text, large) {
		t.Errorf("got %d bytes, %v, want %d", len(text), err, len(large))
	}
}

// TestInflationIsBounded: a small frame that inflates to very much ends its
// connection, and takes no memory.
func TestInflationIsBounded(t *testing.T) {
	h := newCompressing(t)
	addr := serve(t, h)
	var deflated bytes.Buffer
	z, err := flate.NewWriter(&deflated, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	const inflated = 64 << 20
	for range inflated >> 20 {
		z.Write(make([]byte, 1<<20))
	}
	z.Flush()
	payload := bytes.TrimSuffix(deflated.Bytes(), []byte("\x00\x00\xff\xff"))
	bomb := binary.BigEndian.AppendUint64([]byte{opText | 0x40, 0x80 | 127}, uint64(len(payload)))
	bomb = append(append(bomb, 0, 0, 0, 0), payload...)

	request := bytes.Replace(handshake("?clientid=eve"), []byte("\r\n\r\n"), []byte("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"), 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	conn := rawSend(t, addr, append(request, bomb...))
	r := rawReader(t, conn)
	r.frame() // welcome
	op, reason := r.frame()
	if op != opClose || binary.BigEndian.Uint16(reason) != uint16(websocket.StatusMessageTooBig) {
		t.Errorf("got a frame %x with %q, want a close 1009", op, reason)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > inflated/8 {
		t.Errorf("got %d bytes allocated for a frame of %d", got, len(bomb))
	}
}
