package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

// A link is a WebSocket.
type link struct {
	// static
	s    *server
	n    int
	conn *wire.Conn

	// guarded by s.mu
	subscribed bool
	echo       bool
	place      int  // what was told
	inPieces   bool // messages go out in fragments
}

// ServeHTTP serves one connection or exchange.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serving.Add(1)
	defer s.serving.Done()
	socket := wire.IsUpgrade(r)
	switch {
	case socket && s.transport == WebSocket:
		s.serveSocket(w, r)
	case !socket && s.transport == LongPoll && r.Method == http.MethodPost:
		s.serveExchange(w, r)
	default: // the other transport is out of order
		httpError(w, http.StatusServiceUnavailable, "unavailable")
	}
}

func httpError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%q,"message":"the kit says so"}`, code)
}

// sleep waits, unless the server ends.
func (s *server) sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	case <-s.ending:
	}
}

func (s *server) serveSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := wire.Upgrade(w, r)
	if err != nil {
		return
	}
	defer conn.Cut()
	n, rec := s.enter()
	l := &link{s: s, n: n, conn: conn}
	conn.OnPong(func(payload []byte) {
		text, _ := json.Marshal(string(payload)) // a text can be JSON
		s.did("pong", n, map[string]json.RawMessage{"payload": text})
	})
	s.mu.Lock()
	s.open[l] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.open, l)
		s.mu.Unlock()
		s.did("end", n, nil)
	}()
	greeted := r.URL.Query().Has("clientid")
	if greeted && !l.greet(rec, r.URL.Query().Get("clientid")) {
		return
	}
	for {
		text, err := conn.ReadText(time.Now().Add(longest))
		if err != nil {
			return
		}
		s.t.Frame(fmt.Sprint("client, connection ", n), "->", text)
		if rec.mute {
			continue
		}
		frame := s.parse([]byte(text))
		if !greeted {
			if op := (event{frame: frame}).str("op"); op != "hello" {
				s.blame("the first frame is %s, want hello", text)
			}
			greeted = true
		}
		if !l.do(frame, rec) {
			return
		}
	}
}

// greet welcomes a client, or does what else rec says. It reports false where
// that was the connection's end.
func (l *link) greet(rec reception, id string) bool {
	if id != l.s.client {
		l.s.blame("the client id is %q, want %q", id, l.s.client)
	}
	l.s.sleep(l.s.t.Context(), rec.welcomeIn)
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if rec.code != 0 {
		l.part(parting{code: rec.code})
		return false
	}
	l.say(l.s.welcome())
	if rec.brief {
		l.part(parting{})
	}
	return !rec.brief
}

// say says frames. s.mu is held, so that nothing comes between.
func (l *link) say(frames ...obj) {
	for _, text := range l.s.texts(frames...) {
		l.s.t.Frame(fmt.Sprint("client, connection ", l.n), "<-", text)
		frames := []wire.Frame{{Op: wire.Text, Payload: []byte(text)}}
		if l.inPieces {
			frames = pieces(text)
		}
		_ = l.conn.Write(frames...) // the client is gone: it is seen when it is read
	}
}

// part ends the connection. s.mu is held.
func (l *link) part(p parting) {
	if p.retry > 0 {
		l.say(obj{"op": "bye", "reason": "draining", "retry": p.retry})
	}
	l.s.t.Frame(fmt.Sprint("client, connection ", l.n), "<-", fmt.Sprintf("(closes with %d)", p.code))
	if p.code == 0 {
		l.conn.Cut()
		return
	}
	_ = l.conn.WriteClose(p.code, "the kit says so") // the client is gone: as good
}

// do does what a frame asks for. It reports false where the connection is to end.
func (l *link) do(frame map[string]json.RawMessage, rec reception) bool {
	e := event{frame: frame}
	op := e.str("op")
	defer l.s.did(op, l.n, frame)
	switch op {
	case "hello":
		return l.greet(rec, e.str("clientid"))
	case "send":
		answer, ok := l.s.take(frame)
		if !ok {
			return false
		}
		if frame["ref"] != nil {
			l.answer(answer)
		}
		return true
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	switch op {
	case "subscribe":
		at, recovered := l.s.since(frame)
		l.subscribed, l.echo, l.place = true, string(frame["echo"]) == "true", at
		l.say(l.s.subscribed(frame, at, recovered))
		l.catchUp()
	case "unsubscribe":
		l.subscribed = false
		l.say(obj{"op": "unsubscribed", "ref": frame["ref"], "channel": l.s.channel})
	case "ping":
		if frame["ref"] != nil {
			l.say(obj{"op": "pong", "ref": frame["ref"]})
		}
	}
	return true
}

func (l *link) answer(o obj) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.say(o)
}

// catchUp tells what the client has not been told. s.mu is held.
func (l *link) catchUp() {
	for ; l.subscribed && l.place < len(l.s.messages); l.place++ {
		if o := l.s.tell(l.place, l.echo); o != nil {
			l.say(o)
		}
	}
}
