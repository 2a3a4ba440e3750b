package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
)

// A pipeNet is a network in memory, so that HTTP works within a synctest
// bubble.
type pipeNet struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeNet() *pipeNet {
	return &pipeNet{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *pipeNet) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *pipeNet) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (n *pipeNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case n.conns <- far:
		return near, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A socketRig is a webSocket over a network in memory. Its loop is the test's.
type socketRig struct {
	t      *testing.T
	out    chan protocol.ClientFrame
	in     chan []protocol.ServerFrame
	cancel context.CancelCauseFunc
	ended  chan error
}

// sockets runs a webSocket against serve, which plays the gateway.
func sockets(t *testing.T, serve http.HandlerFunc, f func(*testing.T, *socketRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := newPipeNet()
		server := &http.Server{Handler: serve}
		go server.Serve(network)
		transport := &http.Transport{DialContext: network.dial}
		r := &socketRig{
			t: t, out: make(chan protocol.ClientFrame), in: make(chan []protocol.ServerFrame, 100), ended: make(chan error, 1),
		}
		var ctx context.Context
		ctx, r.cancel = context.WithCancelCause(t.Context())
		link := &webSocket{"http://gateway/channel", &http.Client{Transport: transport}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.ended <- link.run(ctx, pipe{
				hello: func(context.Context) (protocol.ClientFrame, error) {
					return protocol.ClientFrame{Op: protocol.OpHello, ClientID: "me"}, nil
				},
				out: r.out,
				in:  func(frames []protocol.ServerFrame) bool { r.in <- frames; return ctx.Err() == nil },
			})
		}()
		f(t, r)
		r.cancel(errDropped)
		<-done
		transport.CloseIdleConnections()
		server.Close()
	})
}

// sessionOf has serve play a session after its hello.
func sessionOf(t *testing.T, serve func(ctx context.Context, c *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer c.CloseNow()
		if _, data, err := c.Read(r.Context()); err != nil || string(data) != `{"op":"hello","clientid":"me"}` {
			t.Errorf("first frame: got %s, %v, want hello", data, err)
		}
		serve(context.Background(), c)
	}
}

func TestWebSocketCarriesFramesBothWays(t *testing.T) {
	heard := make(chan string, 1)
	sockets(t, sessionOf(t, func(ctx context.Context, c *websocket.Conn) {
		c.Write(ctx, websocket.MessageText, []byte(welcomeFrame))
		c.Write(ctx, websocket.MessageBinary, []byte("passed over"))
		_, data, _ := c.Read(ctx)
		heard <- string(data)
		c.Write(ctx, websocket.MessageText, []byte(`{"op":"pong","ref":1}`))
		c.Read(ctx)
	}), func(t *testing.T, r *socketRig) {
		if got := <-r.in; got[0].Op != protocol.OpWelcome {
			t.Errorf("got %+v, want welcome", got)
		}
		r.out <- protocol.ClientFrame{Op: protocol.OpPing, Ref: protocol.NewRef(1)}
		if got := <-heard; got != `{"op":"ping","ref":1}` {
			t.Errorf("the gateway heard %s, want the ping", got)
		}
		if got := <-r.in; got[0].Op != protocol.OpPong {
			t.Errorf("got %+v, want pong", got)
		}
	})
}

// What a later version says is passed over, also before the welcome, and is a
// sign of life. A message that can't be read is a gap.
func TestWebSocketReadsWhatALaterVersionSays(t *testing.T) {
	sockets(t, sessionOf(t, func(ctx context.Context, c *websocket.Conn) {
		for _, text := range []string{
			`{"op":"dance"}`, `{"op":"dance","ref":"seven","channel":{},"time":1.5}`, welcomeFrame,
			`{"op":"message","channel":"room","cursor":"c1","id":"m1","type":"msg","payload":1,"time":"noon"}`,
		} {
			c.Write(ctx, websocket.MessageText, []byte(text))
		}
		c.Read(ctx)
	}), func(t *testing.T, r *socketRig) {
		synctest.Wait()
		var got []protocol.Op
		for len(r.in) > 0 {
			frames := <-r.in
			got = append(got, "|")
			for _, f := range frames {
				got = append(got, f.Op)
			}
		}
		if fmt.Sprint(got) != "[| | | welcome | gap]" {
			t.Errorf("got %v, want two signs of life, the welcome, and a gap", got)
		}
	})
}

func TestPingOfTheGatewayIsASignOfLife(t *testing.T) {
	sockets(t, sessionOf(t, func(ctx context.Context, c *websocket.Conn) {
		reading := c.CloseRead(ctx)
		if err := c.Ping(ctx); err != nil {
			t.Errorf("ping: %v", err)
		}
		<-reading.Done()
	}), func(t *testing.T, r *socketRig) {
		if got := <-r.in; len(got) != 0 {
			t.Errorf("got %+v, want no frames", got)
		}
		synctest.Wait() // for the answer to the ping
	})
}

func TestWebSocketEnds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve http.HandlerFunc
		code  protocol.CloseCode
		told  string // a piece of the error
	}{
		{"too slow", sessionOf(t, func(_ context.Context, c *websocket.Conn) { c.Close(4100, "too slow") }), 4100, "too slow"},
		{"unauthorized", sessionOf(t, func(_ context.Context, c *websocket.Conn) { c.Close(4201, "no token") }), 4201, "no token"},
		{"without a word", sessionOf(t, func(_ context.Context, c *websocket.Conn) { c.CloseNow() }), closeAbnormal, ""},
		{"a frame that can't be read", sessionOf(t, func(ctx context.Context, c *websocket.Conn) {
			c.Write(ctx, websocket.MessageText, []byte(`{"op":7}`))
			c.Read(ctx)
		}), closeAbnormal, "can't be read"},
		{"refused by the gateway", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"code":"forbidden","message":"not from there"}`))
		}, 4203, "not from there"},
		{"refused by a proxy", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>", http.StatusForbidden)
		}, closeAbnormal, "403"},
		{"no WebSocket", func(http.ResponseWriter, *http.Request) {}, closeAbnormal, "200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sockets(t, tt.serve, func(t *testing.T, r *socketRig) {
				if lost := mustEnd(t, r.ended); lost.code != tt.code || !strings.Contains(lost.Error(), tt.told) {
					t.Errorf("got code %d, %v; want %d with %q", lost.code, lost, tt.code, tt.told)
				}
			})
		})
	}
}

func TestClientThatLeavesSaysGoodbye(t *testing.T) {
	farewell := &leaving{[]protocol.ClientFrame{{Op: protocol.OpUnsubscribe, Channel: "a"}, {Op: protocol.OpUnsubscribe, Channel: "b"}}}
	for _, tt := range []struct {
		cause error
		heard string
		want  websocket.StatusCode
	}{
		{farewell, `[{"op":"unsubscribe","channel":"a"} {"op":"unsubscribe","channel":"b"}]`, websocket.StatusNormalClosure},
		{&leaving{}, "[]", websocket.StatusNormalClosure},
		{errDropped, "[]", -1},
	} {
		closed := make(chan error, 1)
		var heard []string
		sockets(t, sessionOf(t, func(ctx context.Context, c *websocket.Conn) {
			for {
				_, data, err := c.Read(ctx)
				if err != nil {
					closed <- err
					return
				}
				heard = append(heard, string(data))
			}
		}), func(t *testing.T, r *socketRig) {
			synctest.Wait()
			r.cancel(tt.cause)
			if err := <-closed; websocket.CloseStatus(err) != tt.want || fmt.Sprint(heard) != tt.heard {
				t.Errorf("%v: the gateway heard %s and %v, want %s and %d", tt.cause, heard, err, tt.heard, tt.want)
			}
		})
	}
}

// A gateway that does not answer the goodbye does not keep the client for long,
// and a dead connection not at all.
func TestEndOfADeadWebSocketIsBounded(t *testing.T) {
	for _, tt := range []struct {
		cause error
		most  time.Duration
	}{{&leaving{make([]protocol.ClientFrame, 50_000)}, goodbye}, {&leaving{}, goodbye}, {errDropped, 0}} {
		sockets(t, sessionOf(t, func(context.Context, *websocket.Conn) { time.Sleep(time.Hour) }), func(t *testing.T, r *socketRig) {
			synctest.Wait()
			began := time.Now()
			r.cancel(tt.cause)
			<-r.ended
			if took := time.Since(began); took > tt.most {
				t.Errorf("%v: it took %v, want at most %v", tt.cause, took, tt.most)
			}
			time.Sleep(time.Hour)
		})
	}
}
