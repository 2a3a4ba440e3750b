package ws

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
)

// A pipeListener hands out the far ends of pipes, so that a server can run in
// a synctest bubble, where time passes by itself.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	l.conns <- far
	return near, nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// inBubble serves a Handler on pipes.
func inBubble(t *testing.T, change func(*hub.Config), test func(t *testing.T, h *Handler, l *pipeListener)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandlerWith(t, netpoll.None(), transport.Limits{}, change)
		l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
		srv := &http.Server{Handler: h}
		go srv.Serve(l)
		t.Cleanup(func() { srv.Close() })
		test(t, h, l)
	})
}

// enterPipe is enter through a pipe.
func enterPipe(t *testing.T, l *pipeListener, clientID string) *client {
	t.Helper()
	transport := &http.Transport{DialContext: l.dial}
	t.Cleanup(transport.CloseIdleConnections)
	ws, _, err := websocket.Dial(t.Context(), "ws://gateway/channel?clientid="+clientID, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	c := &client{t, ws}
	c.want(protocol.OpWelcome)
	return c
}

func TestWhoAnswersPingsStays(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *Handler, l *pipeListener) {
		c := enterPipe(t, l, "a")
		read := make(chan error, 1)
		go func() { // reading answers pings
			_, _, err := c.ws.Read(context.Background())
			read <- err
		}()
		time.Sleep(time.Hour) // of the bubble's clock
		synctest.Wait()
		select {
		case err := <-read:
			t.Errorf("after an hour: got %v, want the connection open", err)
		default:
		}
		c.ws.CloseNow()
		<-read
	})
}

func TestWhoIsNotHeardOfIsCutOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *Handler, l *pipeListener) {
		nc, _ := l.dial(t.Context(), "", "")
		defer nc.Close()
		begin := time.Now()
		go nc.Write(handshake("?clientid=mute"))
		r := &rawFrames{t, bufio.NewReader(nc)}
		if _, err := http.ReadResponse(r.r.(*bufio.Reader), nil); err != nil {
			t.Fatal(err)
		}
		r.frame() // welcome
		pings := 0
		op, payload := r.frame()
		for ; op == opPing; op, payload = r.frame() {
			pings++
		}
		if op != opClose || int(payload[0])<<8|int(payload[1]) != int(protocol.ClosePingTimeout) {
			t.Errorf("got %x %q, want close 4102", op, payload)
		}
		if silent := time.Since(begin); pings < 2 || silent > 80*time.Second {
			t.Errorf("cut off after %d pings and %v, want at least 2 and at most 80 s", pings, silent)
		}
	})
}

func TestNoHello(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, h *Handler, l *pipeListener) {
		nc, _ := l.dial(t.Context(), "", "")
		defer nc.Close()
		go nc.Write(handshake(""))
		r := &rawFrames{t, bufio.NewReader(nc)}
		if _, err := http.ReadResponse(r.r.(*bufio.Reader), nil); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		op, payload := r.frame()
		for op == opPing {
			op, payload = r.frame()
		}
		if op != opClose || int(payload[0])<<8|int(payload[1]) != int(protocol.CloseBadFrame) {
			t.Errorf("got %x %q, want close 4200", op, payload)
		}
		if waited := time.Since(begin); waited != helloWait {
			t.Errorf("waited %v for hello, want %v", waited, helloWait)
		}
	})
}
