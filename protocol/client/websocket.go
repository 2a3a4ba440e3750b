package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
)

var _ link = (*webSocket)(nil)

// A webSocket is a link over a WebSocket.
type webSocket struct {
	url  string
	http *http.Client
}

func (w *webSocket) run(ctx context.Context, p pipe) error {
	hello, err := p.hello(ctx)
	if err != nil {
		return err
	}
	conn, err := w.dial(ctx, p)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	// What the connection itself does must not depend on ctx: its end would break
	// off a write, and with that the connection, before the goodbye.
	life, end := context.WithCancel(context.Background())
	defer end()
	late := time.AfterFunc(goodbye, end)
	late.Stop()
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { late.Reset(allowed(ctx)) })()

	heard := make(chan error, 1)
	go func() { heard <- receive(life, conn, p.in) }()
	wrote, ended := transmit(ctx, life, conn, hello, p.out, heard)
	unheard := ended == nil || errors.Is(ended, errDropped) // what came was not taken any more
	if leave, ok := errors.AsType[*leaving](context.Cause(ctx)); ok && wrote == nil && unheard {
		sayGoodbye(life, conn, leave.frames)
	}
	conn.CloseNow()
	if ended == nil {
		ended = <-heard
	}
	// A write may have failed because the gateway closed: then its word counts.
	if wrote == nil || websocket.CloseStatus(ended) >= 0 {
		return closed(ended)
	}
	return wrote
}

// allowed is how long a connection may last whose ctx has ended.
func allowed(ctx context.Context) time.Duration {
	if _, ok := errors.AsType[*leaving](context.Cause(ctx)); ok {
		return goodbye
	}
	return 0
}

func (w *webSocket) dial(ctx context.Context, p pipe) (*websocket.Conn, error) {
	conn, resp, err := websocket.Dial(ctx, w.url, &websocket.DialOptions{
		HTTPClient: w.http,
		OnPingReceived: func(context.Context, []byte) bool {
			p.in(nil)
			return true
		},
	})
	if err == nil {
		conn.SetReadLimit(maxAnswer)
		return conn, nil
	}
	if resp != nil && resp.Body != nil {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // it is in memory
		return nil, refusal(resp, body)
	}
	return nil, fmt.Errorf("client: WebSocket: %w", err)
}

// transmit says hello and then what comes out of out, until ctx ends. It returns
// the error of a write, which the end of life breaks off, or what ended the
// reading, or neither.
func transmit(ctx, life context.Context, conn *websocket.Conn, hello protocol.ClientFrame, out <-chan protocol.ClientFrame, heard <-chan error) (wrote, ended error) {
	var text []byte
	for f := hello; ; {
		text = f.Append(text[:0])
		writing, cancel := context.WithTimeout(life, writeTimeout)
		err := conn.Write(writing, websocket.MessageText, text)
		cancel()
		if err != nil {
			return fmt.Errorf("client: WebSocket: %w", err), nil
		}
		select {
		case f = <-out:
		case err := <-heard:
			return nil, err
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// sayGoodbye sends frames and closes conn, unless ctx ends before that is done.
func sayGoodbye(ctx context.Context, conn *websocket.Conn, frames []protocol.ClientFrame) {
	for i := range frames {
		if conn.Write(ctx, websocket.MessageText, frames[i].Append(nil)) != nil {
			return // conn has ended
		}
	}
	conn.Close(websocket.StatusNormalClosure, "") // the end of the reading's context ends it
}

// receive hands over every frame, until the connection ends, which the end of
// ctx does to it, or nobody takes them. Its error is never nil.
func receive(ctx context.Context, conn *websocket.Conn, in func([]protocol.ServerFrame) bool) error {
	for {
		typ, data, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if typ != websocket.MessageText {
			continue
		}
		f, known, err := readFrame(data)
		if err != nil {
			return err
		}
		var frames []protocol.ServerFrame // without any, it is a sign of life
		if known {
			frames = append(frames, f)
		}
		if !in(frames) {
			return errDropped
		}
	}
}

// closed is the error of an end that err tells.
func closed(err error) error {
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return &lostError{code: protocol.CloseCode(e.Code), err: fmt.Errorf("client: WebSocket closed: %q", e.Reason)}
	}
	return fmt.Errorf("client: WebSocket: %w", err)
}
