package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

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
	heard := make(chan error, 1)
	go func() { heard <- receive(conn, p.in) }()
	wrote, ended := transmit(ctx, conn, hello, p.out, heard)
	switch {
	case ended != nil:
		return closed(ended)
	case wrote == nil && errors.Is(context.Cause(ctx), errLeaving):
		conn.Close(websocket.StatusNormalClosure, "") // takes 5 s where nobody answers
	default:
		conn.CloseNow()
	}
	// A write may have failed because the gateway closed: then its word counts.
	if err := <-heard; wrote == nil || websocket.CloseStatus(err) >= 0 {
		return closed(err)
	}
	return wrote
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

// transmit says hello and then what comes out of out. It returns the error of
// a write, or what ended the reading, or neither when ctx ends.
func transmit(ctx context.Context, conn *websocket.Conn, hello protocol.ClientFrame, out <-chan protocol.ClientFrame, heard <-chan error) (wrote, ended error) {
	var text []byte
	for f := hello; ; {
		text = f.Append(text[:0])
		writing, cancel := context.WithTimeout(ctx, writeTimeout)
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

// receive hands over every frame, until the connection ends or nobody takes
// them. Its error is never nil.
func receive(conn *websocket.Conn, in func([]protocol.ServerFrame) bool) error {
	for {
		typ, data, err := conn.Read(context.Background())
		if err != nil {
			return err
		}
		if typ != websocket.MessageText {
			continue
		}
		f, err := protocol.DecodeServer(data)
		if err != nil {
			return fmt.Errorf("client: a frame can't be read: %w", err)
		}
		if !in([]protocol.ServerFrame{f}) {
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
