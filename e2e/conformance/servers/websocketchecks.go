package servers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

func webSocketChecks() []check {
	const s = "WebSocket"
	return []check{
		{section: s, promise: "no sub-protocol is negotiated", run: (*probe).noSubProtocol},
		{section: s, promise: "messages are not compressed", run: (*probe).noCompression},
		{section: s, promise: "?clientid= on the URL stands for hello", run: (*probe).clientInURL},
		{section: s, promise: "another first frame than hello closes with 4200", run: (*probe).helloFirst},
		{section: s, promise: "no frame at all within 10 seconds closes with 4200", run: (*probe).helloAwaited, idle: true},
		{section: s, promise: "a second hello is answered with bad_frame", run: (*probe).helloTwice},
		{section: s, promise: "requests are carried out in their order", run: (*probe).requestOrder},
		{section: s, promise: "a ping comes within the seconds of welcome.ping", run: (*probe).serverPings, idle: true},
		{section: s, promise: "who is not heard of is closed with 4102 after about twice that time", run: (*probe).pingTimeout, idle: true},
		{section: s, promise: "a text that is no JSON object with an op: error, then 4200", run: (*probe).noFrame},
		{section: s, promise: "a binary message: error, then 4200", run: (*probe).binary},
		{section: s, promise: "a text that is not UTF-8 closes with 1007", run: (*probe).notUTF8},
		{section: s, promise: "a frame beyond the read limit closes with 1009", run: (*probe).beyondReadLimit},
		{section: s, promise: "a payload of max_message bytes is taken, and one byte more answered with too_large", run: (*probe).messageBound},
		{section: s, promise: "after an error the connection goes on", run: (*probe).goesOn},
		{section: s, promise: "channels beyond the bound are refused with too_many_channels", run: (*probe).tooManyChannels},
		{section: s, promise: "a message may come in fragments, cut anywhere, with pings between", run: (*probe).fragments},
		{section: s, promise: "a ping is answered with a pong of the same payload", run: (*probe).pongs},
		{section: s, promise: "a close is answered with a close of the same code", run: (*probe).closes},
		{section: s, promise: "a frame that is not masked, or has reserved bits, ends the connection", run: (*probe).maskedOnly},
	}
}

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

func (p *probe) clientInURL() {
	id := p.id("alice")
	s := p.dial(id, "?clientid="+id)
	if f := s.want("welcome"); f.str("clientid") != id {
		p.Failf("%s, want the client id %s", f.Text, id)
	}
	s.quiet()
}

func (p *probe) helloFirst() {
	for _, o := range []obj{{"op": "ping", "ref": 1}, {"op": "subscribe", "channel": p.channel()}, {"op": "conformance"}} {
		s := p.dial("somebody", "")
		s.say(o)
		s.wantClose(4200, "error")
	}
}

func (p *probe) helloAwaited() { p.dial("somebody", "").wantClose(4200, "error") }

func (p *probe) helloTwice() {
	s := p.join("alice")
	s.say(p.hello(p.id("bob")))
	if f := s.want("error"); f.str("code") != "bad_frame" {
		p.Failf("%s, want bad_frame", f.Text)
	}
	s.quiet()
}

func (p *probe) requestOrder() {
	s, channel := p.join("alice"), p.channel()
	var want []int
	for ref := 1; ref <= 30; ref += 3 {
		s.say(obj{"op": "send", "ref": ref, "channel": channel, "payload": ref})
		s.say(obj{"op": "ping", "ref": ref + 1})
		s.say(obj{"op": "unsubscribe", "ref": ref + 2, "channel": channel})
		want = append(want, ref, ref+1, ref+2)
	}
	var got []int
	for range want {
		got = append(got, s.hear().num("ref"))
	}
	if !slices.Equal(got, want) {
		p.Failf("the answers came in the order %v", got)
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

func (p *probe) noFrame() {
	for _, text := range []string{
		"", "hello", `{"op":"ping"`, `[]`, `"ping"`, `42`, `null`, `{}`, `{"ref":1}`, `{"op":""}`, `{"op":"ping"}{"op":"ping"}`,
		"\ufeff" + `{"op":"ping"}`, `{"op":"ping",}`, `{op:"ping"}`, `{"op":"ping","ref":01}`, "{\"op\":\"ping\",\"x\":\"a\nb\"}",
	} {
		s := p.join("alice")
		s.say(text)
		if f := s.want("error"); f.str("code") != "bad_frame" {
			p.Failf("%q was answered with %s, want bad_frame", text, f.Text)
		}
		s.wantClose(4200)
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

func (p *probe) messageBound() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	most := strings.Repeat("x", p.maxMessage-len(`""`))
	f := bob.ask(obj{"op": "send", "channel": channel, "type": "msg", "payload": most})
	if f.Op == "error" && f.str("code") == "too_large" && p.maxMessage > 512<<10 {
		p.Skipf("max_message is %d bytes, which is more than the store takes", p.maxMessage)
	}
	if f.Op != "sent" {
		p.Failf("%s, want sent", f.Text)
	}
	alice.message(most)
	bob.refused(obj{"op": "send", "channel": channel, "type": "msg", "payload": most + "x"}, "too_large")
	bob.send(channel, "small")
	alice.message("small")
}

func (p *probe) goesOn() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	for _, o := range []obj{{"op": "conformance"}, {"op": "subscribe", "channel": " "}, {"op": "ping", "since": 1}} {
		if f := alice.ask(o); f.Op != "error" {
			p.Failf("%s, want an error", f.Text)
		}
		bob.send(channel, "hi")
		alice.message("hi")
	}
}

// usualChannels is the bound on a connection's channels unless configured
// otherwise.
const usualChannels = 64

func (p *probe) tooManyChannels() {
	s, channel := p.join("alice"), p.channel()
	for i := range usualChannels + 1 {
		s.say(obj{"op": "subscribe", "ref": i, "channel": fmt.Sprint(channel, "-", i)})
	}
	refused := 0
	for i := range usualChannels + 1 {
		switch f := s.answer(i); {
		case f.Op == "error" && f.str("code") == "too_many_channels":
			refused++
		case f.Op != "subscribed" || refused > 0:
			p.Failf("%s, want subscribed, or too_many_channels beyond a bound", f.Text)
		}
	}
	s.quiet()
	if refused == 0 {
		p.Skipf("the bound is more than %d", usualChannels)
	}
	s.must("unsubscribed", obj{"op": "unsubscribe", "channel": channel + "-0"})
	s.subscribe(channel+"-new", nil)
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
