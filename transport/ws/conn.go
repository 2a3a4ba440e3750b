package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
)

// helloWait is how long a client may take to say who it is.
const helloWait = 10 * time.Second

// A conn is one WebSocket connection, all of it in one piece of memory: there
// may be very many of them.
type conn struct {
	// static
	ws   *websocket.Conn
	addr netip.Addr
	wire // with the handler

	// guarded by the registry's mutex
	slot, index int // its place in there

	// owned by Ready; there is one at a time
	inside   bool        // a message: not all of its fragments have come
	over     bool        // cut off: what else comes is dropped
	clientID string      // empty until hello
	awaited  *time.Timer // runs out if hello doesn't come; nil where none is awaited
	woken    int64       // when Ready was called last, in unix nanoseconds
}

// begin starts reading: what came with the handshake is there already.
func (c *conn) begin() {
	if !c.wire.polled || len(c.wire.ahead) > 0 || !c.handler.cfg.Poller.Arm(&c.raw, c) {
		go c.Ready() // Handler.running counts the connection
	}
}

// Ready reads what is there. With a poller it then returns until there is
// more; without one it stays to the connection's end.
func (c *conn) Ready() {
	last := c.woken
	c.woken = time.Now().UnixNano()
	c.wire.dry = false                                            // something has come
	c.wire.busy = c.wire.polled && c.woken-last < int64(busyWait) // and again after a jump of the clock
	if c.wire.busy {
		go c.readOn() // it waits, and would keep one of the poller's goroutines from others
		return
	}
	c.readOn()
}

// readOn is Ready, in whatever goroutine.
func (c *conn) readOn() {
	err := c.readAll()
	if errors.Is(err, netpoll.ErrIdle) && c.handler.cfg.Poller.Arm(&c.raw, c) {
		return
	}
	c.end()
}

func (c *conn) readAll() error {
	for {
		c.boundary()
		// A context that ends would cost 11 allocations a message.
		typ, r, err := c.ws.Reader(context.Background())
		if err != nil {
			return err
		}
		if err := c.read(typ, r); err != nil {
			return err
		}
	}
}

// boundary notes that the library is between two frames: where it has nothing
// buffered, and is not in the middle of a message in fragments, the next read
// may find that there is nothing, and give up.
func (c *conn) boundary() {
	c.wire.mayIdle = c.wire.polled && !c.inside && c.wire.buffer.Buffered() == 0
}

// heardPing and heardPong are called by the library between two frames.
func (c *conn) heardPing(context.Context, []byte) bool { c.boundary(); return true }
func (c *conn) heardPong(context.Context, []byte)      { c.boundary() }

// end is the connection's end, once and for all.
func (c *conn) end() {
	if c.awaited != nil {
		c.awaited.Stop()
	}
	c.hub.Close()
	c.wire.linger()
	c.ws.CloseNow()
	c.handler.leave(c)
}

// read takes one message. The buffer is the handler's, so that an idle
// connection holds none.
func (c *conn) read(typ websocket.MessageType, r io.Reader) error {
	buf := c.handler.buffers.Get().(*bytes.Buffer)
	defer c.handler.buffers.Put(buf)
	buf.Reset()
	c.inside = true
	if _, err := buf.ReadFrom(r); err != nil {
		return err
	}
	c.inside = false
	switch {
	case c.over:
	case typ != websocket.MessageText:
		c.refuse(&protocol.Error{Code: protocol.CodeBadFrame, Message: "a frame is a text message, not a binary one"})
	case !utf8.Valid(buf.Bytes()):
		c.cut(protocol.CloseInvalidText, "not valid UTF-8")
	default:
		c.frame(buf.Bytes())
	}
	return nil
}

// frame does what a client says.
func (c *conn) frame(data []byte) {
	f, err := protocol.DecodeClient(data)
	switch {
	case err != nil && f.Op == "":
		c.refuse(err)
	case c.clientID == "" && f.Op != protocol.OpHello:
		c.refuse(&protocol.Error{Ref: f.Ref, Code: protocol.CodeBadFrame, Message: `the first frame is "hello", unless the URL has ?clientid=`})
	case err != nil:
		c.fail(f.Ref, err)
	default:
		// The handler's context: a request's ends with the upgrade.
		if err := c.do(c.handler.ctx, &f); err != nil {
			c.fail(f.Ref, err)
		}
	}
}

func (c *conn) do(ctx context.Context, f *protocol.ClientFrame) error {
	switch f.Op {
	case protocol.OpHello:
		return c.hello(f)
	case protocol.OpSubscribe:
		return c.subscribe(ctx, f)
	case protocol.OpUnsubscribe:
		if err := c.hub.Unsubscribe(f.Channel); err != nil {
			return err
		}
		c.answer(&protocol.ServerFrame{Op: protocol.OpUnsubscribed, Ref: f.Ref, Channel: f.Channel})
	case protocol.OpSend:
		sent, err := c.handler.sender.Send(ctx, f, c.clientID)
		if err != nil {
			return err
		}
		c.answer(&sent)
	case protocol.OpPresence:
		// Who may not read a channel may not know who does.
		if err := transport.MayRead(f.Channel, c.addr); err != nil {
			return err
		}
		return c.hub.Presence(f)
	case protocol.OpPing:
		c.answer(&protocol.ServerFrame{Op: protocol.OpPong, Ref: f.Ref})
	}
	return nil
}

func (c *conn) hello(f *protocol.ClientFrame) error {
	if c.clientID != "" {
		return &protocol.Error{Code: protocol.CodeBadFrame, Message: "hello was said already"}
	}
	c.welcome(nil, f.ClientID)
	return nil
}

// welcome begins the session of clientID, or of one chosen here. What is
// written first goes out with it.
func (c *conn) welcome(first []byte, clientID string) {
	if clientID == "" {
		clientID = protocol.NewClientID()
	}
	c.clientID = strings.Clone(clientID) // it may be a piece of a long URL
	c.hub.Identify(c.clientID)
	if c.awaited != nil {
		c.awaited.Stop()
	}
	c.hub.SendBehind(first, transport.Welcome(c.handler.limits, clientID))
}

func (c *conn) subscribe(ctx context.Context, f *protocol.ClientFrame) error {
	if err := transport.MayRead(f.Channel, c.addr); err != nil {
		return err
	}
	if most := c.handler.limits.MaxChannels; c.hub.Subscriptions() >= most {
		return transport.TooManyChannels(most)
	}
	return c.hub.Subscribe(ctx, f)
}

// answer sends what a frame with a ref is acknowledged with.
func (c *conn) answer(f *protocol.ServerFrame) {
	if _, wanted := f.Ref.Value(); wanted {
		c.hub.Send(f)
	}
}

// fail tells the client of an error.
func (c *conn) fail(ref protocol.Ref, err error) {
	e := *transport.Failure(&c.handler.cfg.Log, err)
	e.Ref = ref
	c.hub.Send(e.Frame())
}

// refuse tells of a frame that can't be read, and ends the connection.
func (c *conn) refuse(err error) {
	e := transport.ErrorFrom(err)
	c.fail(e.Ref, e)
	c.cut(protocol.CloseBadFrame, e.Message)
}

func (c *conn) cut(code protocol.CloseCode, reason string) {
	c.over = true
	c.hub.Cut(code, reason)
}
