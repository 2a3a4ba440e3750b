package servers

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

// A socket is a WebSocket of a check. Its methods end the check where the
// server does not do as it should.
type socket struct {
	p       *probe
	who     string // its client id, or a word for the record
	conn    *wire.Conn
	ref     int
	waiting []frame // heard, and not yet asked for
	// listens says that the check wants to hear who comes and goes.
	listens bool
}

// dial opens a WebSocket.
func (p *probe) dial(who, query string) *socket {
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	p.Frame(who, "->", "GET "+query+" (Upgrade: websocket)")
	conn, resp, body, err := wire.Dial(ctx, p.url+query, nil)
	if err != nil {
		p.Failf("the WebSocket did not open: %v", err)
	}
	if conn == nil {
		p.Failf("the WebSocket was answered with %d %.200s", resp.StatusCode, body)
	}
	p.Cleanup(conn.Cut)
	return &socket{p: p, who: who, conn: conn}
}

// join opens a WebSocket and says hello, with an id that begins with name.
func (p *probe) join(name string) *socket { return p.joinAs(p.id(name)) }

// joinAs is join with just this id.
func (p *probe) joinAs(id string) *socket {
	s := p.dial(id, "")
	s.say(p.hello(id))
	s.want("welcome")
	return s
}

// say sends a text or an obj.
func (s *socket) say(frame any) {
	text := frameText(frame)
	s.p.Frame(s.who, "->", text)
	if err := s.conn.WriteText(text); err != nil {
		s.p.Failf("the connection has ended: %v", err)
	}
}

// write sends WebSocket frames as they are; what says what they are.
func (s *socket) write(what string, frames ...wire.Frame) {
	s.p.Frame(s.who, "->", what)
	if err := s.conn.WriteRaw(frames...); err != nil {
		s.p.Failf("the connection has ended: %v", err)
	}
}

// read is the next frame from the connection.
func (s *socket) read() frame {
	for {
		text, err := s.conn.ReadText(s.p.deadline())
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.p.Failf("nothing came within %v", patience)
		case err != nil:
			s.p.Frame(s.who, "<-", "("+err.Error()+")")
			s.p.Failf("the connection has ended: %v", err)
		}
		s.p.Frame(s.who, "<-", text)
		f, err := parseFrame([]byte(text))
		if err != nil {
			s.p.Failf("%v", err)
		}
		if s.cares(f) {
			return f
		}
	}
}

// cares reports whether the check wants to hear f. Who comes and goes is told
// where presence is kept, and later versions may tell more.
func (s *socket) cares(f frame) bool {
	switch f.Op {
	case "join", "leave":
		return s.listens
	case "presence":
		return s.listens || f.has("ref")
	}
	_, known := serverFrames(f.Op)
	return known
}

// hear is the next frame.
func (s *socket) hear() frame {
	if len(s.waiting) > 0 {
		f := s.waiting[0]
		s.waiting = s.waiting[1:]
		return f
	}
	return s.read()
}

// want wants the next frame to be of an op, and returns it.
func (s *socket) want(op string) frame {
	f := s.hear()
	if f.Op != op {
		s.p.Failf("%s came, want %s", f.Text, op)
	}
	return f
}

// ask sends a request with a ref and waits for its answer. What else comes
// waits to be heard.
func (s *socket) ask(o obj) frame {
	s.ref++
	s.say(o.with(obj{"ref": s.ref}))
	return s.answer(s.ref)
}

// answer waits for the frame with this ref.
func (s *socket) answer(ref int) frame {
	for i, f := range s.waiting {
		if f.has("ref") && f.num("ref") == ref {
			s.waiting = slices.Delete(s.waiting, i, i+1)
			return f
		}
	}
	for {
		f := s.read()
		if f.has("ref") && f.num("ref") == ref {
			return f
		}
		s.waiting = append(s.waiting, f)
	}
}

// must is ask where the answer is to be of an op.
func (s *socket) must(op string, o obj) frame {
	f := s.ask(o)
	if f.Op != op {
		s.p.Failf("%s was answered with %s, want %s", o.text(), f.Text, op)
	}
	return f
}

// refused wants a request to fail with one of these codes, and the connection
// to go on.
func (s *socket) refused(o obj, codes ...string) frame {
	f := s.must("error", o)
	if !slices.Contains(codes, f.str("code")) {
		s.p.Failf("%s was refused with %s, want %s", o.text(), f.str("code"), codes[0])
	}
	s.quiet()
	return f
}

// quiet wants nothing to have come up to the answer to a ping.
func (s *socket) quiet() {
	s.must("pong", obj{"op": "ping"})
	if len(s.waiting) > 0 {
		s.p.Failf("%s came, want nothing", s.waiting[0].Text)
	}
}

// subscribe subscribes, from now on unless more says otherwise.
func (s *socket) subscribe(channel string, more obj) frame {
	subscribed := s.must("subscribed", obj{"op": "subscribe", "channel": channel}.with(more))
	for _, f := range s.waiting {
		if f.str("channel") == channel {
			s.p.Failf("%s came before subscribed", f.Text)
		}
	}
	return subscribed
}

// send sends a payload as a message of type "msg".
func (s *socket) send(channel string, payload any) frame {
	return s.sendMore(channel, payload, nil)
}

// sendMore is send with further fields.
func (s *socket) sendMore(channel string, payload any, more obj) frame {
	return s.must("sent", obj{"op": "send", "channel": channel, "type": "msg", "payload": payload}.with(more))
}

// message wants the next frame to be a message with a text as its payload.
func (s *socket) message(text string) frame {
	f := s.want("message")
	if f.str("payload") != text {
		s.p.Failf("the message %s came, want %q", f.Text, text)
	}
	return f
}

// wantClose wants the connection to end with a close code, behind frames of
// the ops that may come before.
func (s *socket) wantClose(code int, before ...string) {
	for {
		text, err := s.conn.ReadText(s.p.deadline())
		if err == nil {
			s.p.Frame(s.who, "<-", text)
			f, err := parseFrame([]byte(text))
			if err != nil || !slices.Contains(before, f.Op) {
				s.p.Failf("%s came, want the close code %d", text, code)
			}
			continue
		}
		s.p.Frame(s.who, "<-", "("+err.Error()+")")
		if e, ok := errors.AsType[*wire.CloseError](err); !ok || e.Code != code {
			s.p.Failf("the connection's end: %v, want the close code %d", err, code)
		}
		return
	}
}

// leave ends the connection as clients do.
func (s *socket) leave() {
	s.p.Frame(s.who, "->", "(closes with 1000)")
	_ = s.conn.WriteClose(1000, "") // gone already: as good
	for {
		if _, err := s.conn.ReadText(s.p.deadline()); err != nil {
			s.conn.Cut()
			return
		}
	}
}

// upgrade asks for a WebSocket with other headers, nil values taking one away,
// and wants an answer of HTTP.
func (p *probe) upgrade(query string, header http.Header) answer {
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	p.Frame("somebody", "->", "GET "+query+" (Upgrade: websocket)")
	conn, resp, body, err := wire.Dial(ctx, p.url+query, header)
	if err != nil {
		p.Failf("%v", err)
	}
	if conn != nil {
		conn.Cut()
		return answer{status: resp.StatusCode, header: resp.Header}
	}
	p.Frame("somebody", "<-", resp.Status+" "+string(body))
	return answer{resp.StatusCode, resp.Header, string(body)}
}
