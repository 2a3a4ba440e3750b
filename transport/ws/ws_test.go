package ws

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// packFrom is from which size on tests compress, in bytes.
const packFrom = 200

// newHandler makes a Handler on a hub of its own, over the memory store.
func newHandler(t *testing.T, limits transport.Limits, change func(*hub.Config)) *Handler {
	t.Helper()
	return newHandlerWith(t, netpoll.New(zerolog.Nop()), limits, change)
}

func newHandlerWith(t *testing.T, p *netpoll.Poller, limits transport.Limits, change func(*hub.Config)) *Handler {
	t.Helper()
	codec, err := NewPackingCodec(packFrom)
	if err != nil {
		t.Fatal(err)
	}
	s, err := memory.New(memory.Config{})
	if err != nil {
		t.Fatal(err)
	}
	cfg := hub.Config{Store: s, Codec: codec, Log: zerolog.Nop()}
	if change != nil {
		change(&cfg)
	}
	hb := hub.New(cfg)
	h := New(Config{Hub: hb, ClientAddr: remoteAddr, Limits: limits, Log: zerolog.Nop(), Poller: p})
	t.Cleanup(func() {
		h.Close()
		p.Close()
		hb.Close()
		s.Close()
		codec.Free()
	})
	return h
}

func remoteAddr(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr()
}

// serve serves h on a free port and returns its address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// serveSmall serves h over sockets with small buffers, so that little makes
// them full.
func serveSmall(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ConnState = func(nc net.Conn, state http.ConnState) {
		if state == http.StateNew {
			nc.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// A client is a WebSocket client of the library's.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, addr, query string) *client {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/channel"+query, nil)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { ws.CloseNow() })
	return &client{t, ws}
}

// enter dials as clientID and reads the welcome.
func enter(t *testing.T, addr, clientID string) *client {
	t.Helper()
	c := dial(t, addr, "?clientid="+clientID)
	c.want(protocol.OpWelcome)
	return c
}

func (c *client) say(frame string) {
	c.t.Helper()
	if err := c.ws.Write(c.t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		c.t.Fatalf("say %s: %v", frame, err)
	}
}

func (c *client) next() (protocol.ServerFrame, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := c.ws.Read(ctx)
	if err != nil {
		return protocol.ServerFrame{}, err
	}
	f, err := protocol.DecodeServer(data)
	if err != nil {
		c.t.Fatalf("frame %s: %v", data, err)
	}
	return f, nil
}

func (c *client) want(op protocol.Op) protocol.ServerFrame {
	c.t.Helper()
	f, err := c.next()
	if err != nil {
		c.t.Fatalf("want %q: %v", op, err)
	}
	if f.Op != op {
		c.t.Fatalf("got %s, want op %q", f.Append(nil), op)
	}
	return f
}

func (c *client) wantError(code protocol.Code) protocol.ServerFrame {
	c.t.Helper()
	f := c.want(protocol.OpError)
	if f.Code != code {
		c.t.Errorf("got %s, want code %q", f.Append(nil), code)
	}
	return f
}

func (c *client) wantClose(code protocol.CloseCode) {
	c.t.Helper()
	f, err := c.next()
	if err == nil {
		c.t.Fatalf("got %s, want close %d", f.Append(nil), code)
	}
	if got := websocket.CloseStatus(err); got != websocket.StatusCode(code) {
		c.t.Errorf("got close %d (%v), want %d", got, err, code)
	}
}

func (c *client) subscribe(channel string) {
	c.t.Helper()
	c.say(`{"op":"subscribe","ref":1,"channel":"` + channel + `"}`)
	c.want(protocol.OpSubscribed)
}

func TestConversation(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	alice, bob := dial(t, addr, ""), enter(t, addr, "bob")
	alice.say(`{"op":"hello","clientid":"alice"}`)
	if w := alice.want(protocol.OpWelcome); w.ClientID != "alice" || w.Version != 1 || w.Ping != 25 || w.MaxMessage != 65536 {
		t.Errorf("welcome: got %s", w.Append(nil))
	}
	alice.subscribe("room")
	bob.subscribe("room")
	alice.say(`{"op":"send","ref":2,"channel":"room","type":"msg","payload":{"a":[1,"ü"]},"id":"a-1","reply_to":"x"}`)
	sent := alice.want(protocol.OpSent)
	got := bob.want(protocol.OpMessage)
	if sent.ID != "a-1" || got.ID != "a-1" || got.Cursor != sent.Cursor || got.From != "alice" ||
		got.Type != "msg" || got.ReplyTo != "x" || string(got.Payload) != `{"a":[1,"ü"]}` {
		t.Errorf("sent %s, got %s", sent.Append(nil), got.Append(nil))
	}
	bob.say(`{"op":"send","channel":"room","type":"msg","payload":"no ref, no acknowledgement"}`)
	bob.say(`{"op":"ping","ref":-3}`)
	if pong := bob.want(protocol.OpPong); pong.Ref != protocol.NewRef(-3) {
		t.Errorf("pong: got %s", pong.Append(nil))
	}
	alice.want(protocol.OpMessage)
	bob.say(`{"op":"unsubscribe","ref":4,"channel":"room"}`)
	bob.want(protocol.OpUnsubscribed)
	alice.say(`{"op":"send","ref":5,"channel":"room","type":"msg"}`)
	alice.want(protocol.OpSent)
	bob.say(`{"op":"ping","ref":6}`)
	bob.want(protocol.OpPong)
}

func TestRefusedFramesKeepTheConnection(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{MaxMessage: 1000, MaxChannels: 1}, nil))
	tests := []struct {
		name, frame string
		code        protocol.Code
	}{
		{"unknown op", `{"op":"dance","ref":9}`, protocol.CodeUnknownOp},
		{"bad field", `{"op":"subscribe","ref":9,"channel":1}`, protocol.CodeBadFrame},
		{"bad channel", `{"op":"subscribe","ref":9,"channel":"a b"}`, protocol.CodeBadChannel},
		{"bad cursor", `{"op":"subscribe","ref":9,"channel":"a","since":"?"}`, protocol.CodeBadFrame},
		{"not subscribed", `{"op":"unsubscribe","ref":9,"channel":"a"}`, protocol.CodeNotSubscribed},
		{"somebody's channel", `{"op":"subscribe","ref":9,"channel":"192.0.2.1_a"}`, protocol.CodeForbidden},
		{"presence", `{"op":"presence","ref":9,"channel":"a"}`, protocol.CodeForbidden},
		{"too large", `{"op":"send","ref":9,"channel":"a","type":"t","payload":"` + strings.Repeat("x", 999) + `"}`, protocol.CodeTooLarge},
		{"second hello", `{"op":"hello","ref":9}`, protocol.CodeBadFrame},
		{"bad id", `{"op":"send","ref":9,"channel":"a","type":"t","id":"12"}`, protocol.CodeBadFrame},
		{"half a surrogate pair", `{"op":"send","ref":9,"channel":"a","type":"t","payload":"\ud800"}`, protocol.CodeBadFrame},
		{"too deep", `{"op":"send","ref":9,"channel":"a","type":"t","payload":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, protocol.CodeBadFrame},
		{"too many channels", `{"op":"subscribe","ref":9,"channel":"second"}`, protocol.CodeTooManyChannels},
		{"twice", `{"op":"subscribe","ref":9,"channel":"first"}`, protocol.CodeTooManyChannels},
	}
	c := enter(t, addr, "alice")
	c.subscribe("first")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			c.say(tt.frame)
			if e := c.wantError(tt.code); e.Ref != protocol.NewRef(9) || e.Message == "" {
				t.Errorf("got %s, want ref 9 and a message", e.Append(nil))
			}
		})
	}
	c.t = t
	c.say(`{"op":"ping","ref":1}`)
	c.want(protocol.OpPong)
}

func TestBadFramesEndTheConnection(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	tests := []struct {
		name, query, frame string
		typ                websocket.MessageType
		code               protocol.CloseCode
		told               bool
	}{
		{"no JSON", "?clientid=a", "hello?", websocket.MessageText, protocol.CloseBadFrame, true},
		{"no object", "?clientid=a", "[]", websocket.MessageText, protocol.CloseBadFrame, true},
		{"no op", "?clientid=a", `{"ref":1}`, websocket.MessageText, protocol.CloseBadFrame, true},
		{"binary", "?clientid=a", `{"op":"ping"}`, websocket.MessageBinary, protocol.CloseBadFrame, true},
		{"no hello", "", `{"op":"ping"}`, websocket.MessageText, protocol.CloseBadFrame, true},
		{"not UTF-8", "?clientid=a", "{\"op\":\"\xff\"}", websocket.MessageText, protocol.CloseInvalidText, false},
		{"over the read limit", "?clientid=a", strings.Repeat(" ", 200_000), websocket.MessageText, 1009, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, addr, tt.query)
			if tt.query != "" {
				c.want(protocol.OpWelcome)
			}
			if err := c.ws.Write(t.Context(), tt.typ, []byte(tt.frame)); err != nil {
				t.Fatal(err)
			}
			if tt.told {
				c.wantError(protocol.CodeBadFrame)
			}
			c.wantClose(tt.code)
		})
	}
}

func TestBadClientIDIsRefusedBeforeTheUpgrade(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	_, resp, err := websocket.Dial(t.Context(), "ws://"+addr+"/channel?clientid=", nil)
	if err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("got %v, %v, want status 400", resp, err)
	}
}

func TestLargeMessages(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	alice, bob := enter(t, addr, "alice"), enter(t, addr, "bob")
	bob.subscribe("room")
	for _, size := range []int{1, 100, 126, 4096, 65534} {
		payload := `"` + strings.Repeat("x", size) + `"`
		alice.say(`{"op":"send","channel":"room","type":"t","payload":` + payload + `}`)
		if got := bob.want(protocol.OpMessage); string(got.Payload) != payload {
			t.Errorf("%d bytes: got %d", len(payload), len(got.Payload))
		}
	}
}

// TestReadAhead sends the handshake and the first frames in one segment:
// net/http has then read behind the handshake.
func TestReadAhead(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	nc := rawDial(t, addr, "", maskedText(`{"op":"hello","clientid":"alice"}`), maskedText(`{"op":"ping","ref":1}`))
	r := rawReader(t, nc)
	for _, want := range []string{`{"op":"welcome"`, `{"op":"pong","ref":1}`} {
		op, payload := r.frame()
		if op != opText || !strings.HasPrefix(string(payload), want) {
			t.Errorf("got %x %q, want %q", op, payload, want)
		}
	}
}

// TestHandlerReturns: net/http gets its goroutine back while the connection
// is open.
func TestHandlerReturns(t *testing.T) {
	h := newHandler(t, transport.Limits{}, nil)
	returned := make(chan struct{})
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		close(returned)
	}))
	c := enter(t, addr, "alice")
	select {
	case <-returned:
	case <-time.After(10 * time.Second):
		t.Fatal("the handler did not return")
	}
	c.say(`{"op":"ping","ref":1}`)
	c.want(protocol.OpPong)
}

func TestPeerClose(t *testing.T) {
	h := newHandler(t, transport.Limits{}, nil)
	addr := serve(t, h)
	c := enter(t, addr, "alice")
	c.subscribe("room")
	if err := c.ws.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("close: %v", err)
	}
	eventually(t, func() bool { return h.Connections() == 0 })
}

func TestDrain(t *testing.T) {
	h := newHandler(t, transport.Limits{}, nil)
	addr := serve(t, h)
	var clients []*client
	for range 20 {
		clients = append(clients, enter(t, addr, "c"))
	}
	drained := make(chan error, 1)
	go func() { drained <- h.Drain(t.Context(), 100*time.Millisecond) }()
	for _, c := range clients {
		if bye := c.want(protocol.OpBye); bye.Retry < 500 || bye.Reason != "draining" {
			t.Errorf("got %s", bye.Append(nil))
		}
		c.wantClose(protocol.CloseDraining)
	}
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
	_, resp, err := websocket.Dial(t.Context(), "ws://"+addr+"/channel", nil)
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after drain: got %v %v, want status 503", resp, err)
	}
}

func TestDrainGivesUpOnWhoDoesNotAnswer(t *testing.T) {
	h := newHandler(t, transport.Limits{}, nil)
	addr := serve(t, h)
	rawDial(t, addr, "?clientid=mute") // neither reads nor says goodbye
	eventually(t, func() bool { return h.Connections() == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.Drain(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	h.Close()
	if n := h.Connections(); n != 0 {
		t.Errorf("after Close: got %d connections, want 0", n)
	}
}

// patient limits let a reader read nothing for a while, on a busy machine, too.
var patient = transport.Limits{WriteTimeout: time.Minute}

func TestSlowReaderIsToldWhy(t *testing.T) {
	h := newHandler(t, patient, func(c *hub.Config) { c.Lag = 300_000 })
	addr := serveSmall(t, h)
	nc := rawDial(t, addr, "?clientid=slow", maskedText(`{"op":"subscribe","ref":1,"channel":"room"}`))
	quick, writer := enter(t, addr, "quick"), enter(t, addr, "writer")
	quick.subscribe("room")
	r := rawReader(t, nc)
	r.frame() // welcome
	r.frame() // subscribed
	payload := `"` + strings.Repeat("x", 60_000) + `"`
	const many = 50 // 3 MB: beyond what sockets and the bound hold
	for range many {
		writer.say(`{"op":"send","channel":"room","type":"t","payload":` + payload + `}`)
		quick.want(protocol.OpMessage)
	}
	messages := 0
	for {
		op, payload := r.frame()
		if op == opClose {
			if got := int(payload[0])<<8 | int(payload[1]); got != int(protocol.CloseTooSlow) {
				t.Errorf("got close %d, want 4100", got)
			}
			break
		}
		messages++
	}
	if messages == 0 || messages == many {
		t.Errorf("the slow reader got %d of %d messages, want some", messages, many)
	}
}

func TestCodec(t *testing.T) {
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Free()
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 200_000} {
		text := bytes.Repeat([]byte("x"), size)
		framed := c.Frame([]byte("before"), text)
		r := &rawFrames{t: t, r: bytes.NewReader(framed[len("before"):])}
		if op, got := r.frame(); op != opText || !bytes.Equal(got, text) || !bytes.HasSuffix(framed, text) {
			t.Errorf("%d bytes: got op %x with %d bytes", size, op, len(got))
		}
	}
	framed := c.Close(nil, protocol.CloseTooSlow, strings.Repeat("ü", 100))
	if len(framed) > 127 || len(framed) < 126 || int(framed[1]) != len(framed)-2 {
		t.Errorf("close: got %d bytes that say %d", len(framed), framed[1])
	}
	dst, text := make([]byte, 0, 4096), []byte(strings.Repeat("x", 300))
	if got := testing.AllocsPerRun(1000, func() { c.Frame(dst, text) }); got != 0 {
		t.Errorf("got %v allocations a frame, want 0", got)
	}
}

// TestCatchesUpAfterADrain: a reader that was slow for a while gets everything,
// and is written to directly again, past the deadlines of the slow time.
func TestCatchesUpAfterADrain(t *testing.T) {
	h := newHandler(t, patient, func(c *hub.Config) { c.Lag = 64 << 20; c.LogBytes = 64 << 20 })
	addr := serveSmall(t, h)
	nc := rawDial(t, addr, "?clientid=slow", maskedText(`{"op":"subscribe","ref":1,"channel":"room"}`))
	r := rawReader(t, nc)
	r.frame() // welcome
	r.frame() // subscribed
	quick, writer := enter(t, addr, "quick"), enter(t, addr, "writer")
	quick.subscribe("room")
	const many = 50
	payload := `"` + strings.Repeat("x", 60_000) + `"`
	say := func() {
		writer.say(`{"op":"send","channel":"room","type":"t","payload":` + payload + `}`)
		quick.want(protocol.OpMessage)
	}
	for range many { // 3 MB: beyond what sockets hold
		say()
	}
	for i := range many + 50 {
		if i >= many {
			say()
		}
		f, err := protocol.DecodeServer(mustText(t, r))
		if err != nil || f.Op != protocol.OpMessage || string(f.Payload) != payload {
			t.Fatalf("message %d: got op %q, %v", i, f.Op, err)
		}
	}
}

func mustText(t *testing.T, r *rawFrames) []byte {
	t.Helper()
	for {
		op, text := r.frame()
		switch op {
		case opText:
			return text
		case opPing:
		default:
			t.Fatalf("got a frame %x", op)
		}
	}
}

// TestControlFramesBetweenFragments: between two fragments of a message the
// reader is in the middle of it, whatever control frames come there.
func TestControlFramesBetweenFragments(t *testing.T) {
	addr := serve(t, newHandler(t, transport.Limits{}, nil))
	nc := rawDial(t, addr, "?clientid=alice")
	r := rawReader(t, nc)
	r.frame() // welcome
	first, second := `{"op":"ping",`, `"ref":7}`
	pingAndPong := []byte{0x89, 0x80, 0, 0, 0, 0, 0x8a, 0x80, 0, 0, 0, 0}
	for range 3 {
		fragment := maskedText(first)
		fragment[0] = 0x01 // text, to be continued
		if _, err := nc.Write(append(fragment, pingAndPong...)); err != nil {
			t.Fatal(err)
		}
		if op, _ := r.frame(); op != 0x8a { // the answer: the server is behind our ping now
			t.Fatalf("got a frame %x, want a pong", op)
		}
		last := maskedText(second)
		last[0] = 0x80 // continuation, the last one
		if _, err := nc.Write(last); err != nil {
			t.Fatal(err)
		}
		if op, text := r.frame(); op != opText || string(text) != `{"op":"pong","ref":7}` {
			t.Fatalf("got %x %q, want the pong of the frame in two fragments", op, text)
		}
	}
}
