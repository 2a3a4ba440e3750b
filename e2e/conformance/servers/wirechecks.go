package servers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

func (p *probe) noSubProtocol() {
	a := p.upgrade("?clientid="+p.id("alice"), http.Header{"Sec-Websocket-Protocol": {"chat, json"}})
	if got := a.header.Get("Sec-Websocket-Protocol"); a.status != http.StatusSwitchingProtocols || got != "" {
		p.Failf("status %d and the sub-protocol %q, want 101 and none", a.status, got)
	}
}

// noCompression offers it. Of those that don't, all checks want that no frame
// has its bit set.
func (p *probe) noCompression() {
	a := p.upgrade("?clientid="+p.id("alice"), http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; client_max_window_bits"}})
	switch got := a.header.Get("Sec-Websocket-Extensions"); {
	case a.status != http.StatusSwitchingProtocols:
		p.Failf("status %d, want 101", a.status)
	case strings.HasPrefix(got, "permessage-deflate"):
		p.Skipf("the server compresses for those who ask for it")
	case got != "":
		p.Failf("the extension %q, which was not offered", got)
	}
}

func (p *probe) serverPings() {
	limit := time.Duration(p.ping) * time.Second
	if limit > longestHold-3*time.Second {
		p.Skipf("welcome.ping is %v, which is too long to wait for", limit)
	}
	s := p.join("alice")
	deadline := time.Now().Add(limit + 3*time.Second)
	for {
		f, err := s.conn.ReadFrame(deadline)
		switch {
		case err != nil:
			p.Failf("no ping came within %v: %v", limit, err)
		case f.Op == wire.Ping:
			p.Frame(s.who, "<-", "(ping)")
			return
		case f.Op == wire.Close:
			p.Failf("the connection was closed")
		}
	}
}

func (p *probe) pingTimeout() {
	limit := time.Duration(p.ping) * time.Second
	if 3*limit+2*time.Second > longestHold {
		p.Skipf("welcome.ping is %v, twice that is too long to wait for", limit)
	}
	s := p.join("alice")
	s.conn.OnPing(func([]byte) { p.Frame(s.who, "<-", "(ping, not answered)") })
	began := time.Now()
	_, err := s.conn.ReadText(began.Add(3*limit + 5*time.Second))
	if e, ok := errors.AsType[*wire.CloseError](err); !ok || e.Code != 4102 {
		p.Failf("the connection's end: %v, want the close code 4102", err)
	}
	if took := time.Since(began); took < limit {
		p.Failf("it was closed after %v, and pinged every %v", took, limit)
	}
}

func (p *probe) binary() {
	s := p.join("alice")
	s.write("(binary) {\"op\":\"ping\"}", wire.Frame{Op: wire.Binary, Masked: true, Payload: []byte(`{"op":"ping"}`)})
	if f := s.want("error"); f.str("code") != "bad_frame" {
		p.Failf("%s, want bad_frame", f.Text)
	}
	s.wantClose(4200)
}

func (p *probe) notUTF8() {
	for _, text := range []string{"{\"op\":\"ping\",\"x\":\"\xff\"}", "{\"op\":\"ping\",\"x\":\"\xc0\xaf\"}", "{\"op\":\"ping\",\"x\":\"\xed\xa0\x80\"}", "\xc3"} {
		s := p.join("alice")
		s.write(text, wire.Frame{Op: wire.Text, Masked: true, Payload: []byte(text)})
		s.wantClose(1007)
	}
}

// beyondReadLimit only announces what is too long, and some of it: what is sent
// to somebody who does not read on is lost with the answer.
func (p *probe) beyondReadLimit() {
	s := p.join("alice")
	text := `{"op":"send","channel":"x","payload":"` + strings.Repeat("x", 4*p.maxMessage+256<<10)
	f := wire.Frame{Op: wire.Text, Masked: true, Payload: []byte(text)}
	p.Frame(s.who, "->", fmt.Sprintf("(a text of %d bytes)", len(text)))
	// The server may close while this is under way.
	_ = s.conn.WriteRaw(f)
	s.wantClose(1009)
}

func (p *probe) fragments() {
	s := p.join("alice")
	text := []byte(`{"op":"ping","ref":1,"x":"` + "\U0001f600\u00e9" + `"}`)
	var frames []wire.Frame
	for i := range text { // each byte, and so within letters, too
		f := wire.Frame{Op: wire.Continuation, More: i < len(text)-1, Masked: true, Payload: text[i : i+1]}
		if i == 0 {
			f.Op = wire.Text
		}
		frames = append(frames, f)
		if i%7 == 3 {
			frames = append(frames, wire.Frame{Op: wire.Ping, Masked: true, Payload: []byte{byte(i)}})
		}
	}
	s.write("(in fragments) "+string(text), frames...)
	if f := s.want("pong"); f.num("ref") != 1 {
		p.Failf("%s, want the ref 1", f.Text)
	}
}

func (p *probe) pongs() {
	s := p.join("alice")
	for _, payload := range []string{"", "conformance", strings.Repeat("p", 125)} {
		s.write("(ping "+payload+")", wire.Frame{Op: wire.Ping, Masked: true, Payload: []byte(payload)})
		for {
			f, err := s.conn.ReadFrame(p.deadline())
			if err != nil {
				p.Failf("no pong came: %v", err)
			}
			if f.Op == wire.Ping {
				continue
			}
			if f.Op != wire.Pong || string(f.Payload) != payload {
				p.Failf("opcode %d with %q came, want a pong with %q", f.Op, f.Payload, payload)
			}
			break
		}
	}
}

func (p *probe) closes() {
	for _, code := range []uint16{1000, 1001, 3000} {
		s := p.join("alice")
		s.write(fmt.Sprintf("(closes with %d)", code), wire.Frame{Op: wire.Close, Masked: true, Payload: binary.BigEndian.AppendUint16(nil, code)})
		s.wantClose(int(code))
	}
}

func (p *probe) maskedOnly() {
	text := []byte(`{"op":"ping","ref":1}`)
	for what, f := range map[string]wire.Frame{
		"(not masked)":      {Op: wire.Text, Payload: text},
		"(a reserved bit)":  {Op: wire.Text, Rsv: 4, Masked: true, Payload: text},
		"(opcode 3)":        {Op: 3, Masked: true, Payload: text},
		"(a ping in parts)": {Op: wire.Ping, More: true, Masked: true, Payload: text},
	} {
		s := p.join("alice")
		s.write(what, f)
		answer, err := s.conn.ReadText(p.deadline())
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			p.Failf("%s was answered with %q, want the connection's end", what, answer)
		}
		p.Frame(s.who, "<-", "("+err.Error()+")")
	}
}
