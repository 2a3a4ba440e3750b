package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/commchannel/gateway/protocol"
)

// A socket is a WebSocket that somebody reads all the time.
type socket struct {
	conn    *websocket.Conn
	frames  chan protocol.ServerFrame // closed when it has ended; what nobody takes is dropped
	pings   atomic.Int32              // that came
	heard   atomic.Int64              // when a frame or a ping came last, in unix nanoseconds; 0: none has
	reading sync.WaitGroup
	ended   error // why; once frames is closed
}

// heldFrames is how many frames wait to be taken: more than ever come at once.
const heldFrames = 64

// dial opens a WebSocket. The socket is nil where none opens; answer tells
// why, and how long it took.
func (x *exam) dial(ctx context.Context, origin string) (*socket, answer) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	s := &socket{frames: make(chan protocol.ServerFrame, heldFrames)}
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	begun := time.Now()
	conn, resp, err := websocket.Dial(ctx, x.target(""), &websocket.DialOptions{
		HTTPClient: x.http, HTTPHeader: header,
		OnPingReceived: func(context.Context, []byte) bool {
			s.pings.Add(1)
			s.heard.Store(time.Now().UnixNano())
			return true
		},
	})
	a := answer{began: begun, took: time.Since(begun)}
	if err == nil {
		conn.SetReadLimit(maxAnswer)
		s.conn = conn
		s.reading.Go(s.read)
		return s, a
	}
	if resp == nil || resp.StatusCode == 0 {
		a.err = err
		return nil, a
	}
	a.status, a.header = resp.StatusCode, resp.Header
	a.body, _ = io.ReadAll(resp.Body) // it is in memory, and short
	return nil, a
}

func (s *socket) read() {
	defer close(s.frames)
	for {
		typ, data, err := s.conn.Read(context.Background())
		if err != nil {
			s.ended = err
			return
		}
		f, err := protocol.DecodeServer(data)
		if err != nil || typ != websocket.MessageText {
			s.ended = fmt.Errorf("doctor: what came is no frame: %q", quote(string(data)))
			_ = s.conn.CloseNow()
			return
		}
		s.heard.Store(time.Now().UnixNano())
		select {
		case s.frames <- f:
		default:
		}
	}
}

// end closes the connection at once, and waits for its reader.
func (s *socket) end() {
	_ = s.conn.CloseNow()
	s.reading.Wait()
}

func (s *socket) send(ctx context.Context, f protocol.ClientFrame) error {
	ctx, cancel := context.WithTimeout(ctx, welcomeIn)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageText, f.Append(nil))
}

// errSilent tells that a frame did not come in time.
var errSilent = errors.New("doctor: no answer in time")

// await waits for the first frame that is right. An error frame with a ref is
// its error, too.
func (s *socket) await(ctx context.Context, within time.Duration, right func(protocol.ServerFrame) bool) (protocol.ServerFrame, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		select {
		case f, ok := <-s.frames:
			switch {
			case !ok:
				return f, s.ended
			case right(f):
				return f, nil
			case f.Op == protocol.OpError:
				return f, f.Err()
			case f.Op == protocol.OpBye:
				return f, errStopping
			}
		case <-timer.C:
			return protocol.ServerFrame{}, errSilent
		case <-ctx.Done():
			return protocol.ServerFrame{}, ctx.Err()
		}
	}
}

// errStopping tells that the gateway sends its clients away.
var errStopping = errors.New("doctor: the gateway is stopping: it sends its clients away")

func isOp(op protocol.Op) func(protocol.ServerFrame) bool {
	return func(f protocol.ServerFrame) bool { return f.Op == op }
}

// greet says hello and waits for the welcome.
func (s *socket) greet(ctx context.Context, client string) (protocol.ServerFrame, error) {
	if err := s.send(ctx, protocol.ClientFrame{Op: protocol.OpHello, ClientID: client}); err != nil {
		return protocol.ServerFrame{}, err
	}
	return s.await(ctx, welcomeIn, isOp(protocol.OpWelcome))
}

// connect opens a WebSocket that was welcomed.
func (x *exam) connect(ctx context.Context, client string) (*socket, error) {
	s, a := x.dial(ctx, "")
	if s == nil {
		return nil, errors.New("doctor: " + x.blocked(a).text)
	}
	if _, err := s.greet(ctx, client); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// openSocket looks at whether a WebSocket opens, and whether anything passes.
func (x *exam) openSocket(ctx context.Context) {
	s, a := x.dial(ctx, "")
	if s == nil {
		x.find(WebSocketOpens, x.blocked(a))
		x.skip(WebSocketAnswers, "no WebSocket opens")
		return
	}
	defer s.end()
	x.okIn(WebSocketOpens, a.took, "opened")
	begun := time.Now()
	f, err := s.greet(ctx, x.name)
	if err != nil {
		x.find(WebSocketAnswers, unanswered(err))
		return
	}
	took := time.Since(begun)
	x.welcome = f
	ctx, cancel := context.WithTimeout(ctx, welcomeIn)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		x.works[webSocketWay] = true
		x.fail(WebSocketAnswers, "the proxy has to pass everything on once it has let the Upgrade through", "welcomed in %s, but no pong comes to a ping: something on the way knows text alone", brief(took))
		return
	}
	x.works[webSocketWay] = true
	x.okIn(WebSocketAnswers, took, "frames and pings are answered,")
}

// unanswered tells what became of a WebSocket that was not welcomed.
func unanswered(err error) finding {
	switch {
	case errors.Is(err, errSilent):
		return finding{Fail, fmt.Sprintf("it opens, and then nothing comes within %s: something on the way swallows or collects frames", brief(welcomeIn)),
			"a proxy has to pass bytes on as they come once it has let the Upgrade through: switch its buffering and scanning off for this location, or use https://, into which a network's proxies do not look"}
	case errors.Is(err, errStopping):
		return stopping(err.Error())
	}
	return finding{Fail, "it opens, and then ends without a welcome: " + closing(err), "look at what lies between, and at the gateway's log"}
}

func stopping(text string) finding {
	return finding{Fail, strings.TrimPrefix(text, "doctor: "), "look again once the gateway has been started"}
}

// closing is why a connection has ended, in words.
func closing(err error) string {
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return strings.TrimSpace(fmt.Sprintf("closed with code %d %s", e.Code, quote(e.Reason)))
	}
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Sprintf("%s: %s", e.Code, quote(e.Message))
	}
	return explain(err)
}

// upgradeLines is what nginx needs to be told.
const upgradeLines = `the proxy has to pass the Upgrade on (nginx: in the location, "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;", and in the http block, "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }")`

// blocked tells why no WebSocket opens. Clients do without, by long-poll; that
// costs more, and is slower.
func (x *exam) blocked(a answer) finding {
	const through = "let WebSockets through in the proxy or firewall, or use https://, into which a network's proxies do not look"
	what := fmt.Sprintf("HTTP %d%s", a.status, a.by())
	e := a.refusal()
	switch {
	case a.err != nil:
		return finding{Fail, "no WebSocket opens: " + explain(a.err), through}
	case e != nil && (a.status == http.StatusUpgradeRequired || a.status == http.StatusBadRequest):
		return finding{Fail, fmt.Sprintf("a proxy on the way removes the Upgrade: HTTP %d, %s", a.status, quote(e.Message)), upgradeLines}
	case e != nil:
		return x.mistaken(a)
	case a.status == http.StatusForbidden, a.status == http.StatusMethodNotAllowed:
		return finding{Fail, what + ": something on the way forbids WebSockets", through}
	case a.status == http.StatusOK:
		return finding{Fail, what + ": something on the way answers the handshake as a plain request", upgradeLines}
	case a.status == http.StatusBadRequest, a.status == http.StatusUpgradeRequired, a.status >= 500:
		return finding{Fail, what + ": a proxy on the way can't do the Upgrade", upgradeLines}
	}
	return x.mistaken(a)
}
