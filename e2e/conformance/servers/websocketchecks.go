package servers

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func webSocketChecks() []check {
	const s = "WebSocket"
	return []check{
		{section: s, promise: "no sub-protocol is negotiated",
			says: "No sub-protocol is negotiated.",
			run:  (*probe).noSubProtocol},
		{section: s, promise: "messages are not compressed",
			says: "Messages are compressed only where the client asks for permessage-deflate and the operator allows it",
			run:  (*probe).noCompression},
		{section: s, promise: "?clientid= on the URL stands for hello",
			says: "?clientid= on the URL stands for it.",
			run:  (*probe).clientInURL},
		{section: s, promise: "another first frame than hello closes with 4200",
			says: "anything else first closes the connection with 4200",
			run:  (*probe).helloFirst},
		{section: s, promise: "no frame at all within 10 seconds closes with 4200",
			says: "and so does no hello within 10 seconds",
			run:  (*probe).helloAwaited, idle: true},
		{section: s, promise: "a second hello is answered with bad_frame",
			says: "a second one, behind welcome, is answered with bad_frame",
			run:  (*probe).helloTwice},
		{section: s, promise: "requests are carried out in their order",
			says: "Requests are carried out in their order.",
			run:  (*probe).requestOrder},
		{section: s, promise: "a ping comes within the seconds of welcome.ping",
			says: "The gateway sends WebSocket pings at least every welcome.ping seconds",
			run:  (*probe).serverPings, idle: true},
		{section: s, promise: "who is not heard of is closed with 4102 after about twice that time",
			says: "closes with 4102 when nothing was heard of the client in about twice that time",
			run:  (*probe).pingTimeout, idle: true},
		{section: s, promise: "a text that is no JSON object with an op: error, then 4200",
			says: "with 4200, after an error with bad_frame, if a text is no JSON, or is no object, or its op is missing, empty, no text or longer than 32 bytes",
			run:  (*probe).noFrame},
		{section: s, promise: "a binary message: error, then 4200",
			says: "if a message is binary",
			run:  (*probe).binary},
		{section: s, promise: "a text that is not UTF-8 closes with 1007",
			says: "with 1007, and without an error, if a text is not UTF-8",
			run:  (*probe).notUTF8},
		{section: s, promise: "a frame beyond the read limit closes with 1009",
			says: "with 1009, and without an error, if a frame is longer than the gateway reads",
			run:  (*probe).beyondReadLimit},
		{section: s, promise: "a payload of max_message bytes is taken, and one byte more answered with too_large",
			says: "A message that is too large and not as long as that is answered with too_large.",
			run:  (*probe).messageBound},
		{section: s, promise: "after an error the connection goes on",
			says: "A frame with a fault in it is answered with error, and the connection goes on",
			run:  (*probe).goesOn},
		{section: s, promise: "channels beyond the bound are refused with too_many_channels",
			says: "beyond the bound on a connection's or exchange's channels",
			run:  (*probe).tooManyChannels},
		{section: s, promise: "a message may come in fragments, cut anywhere, with pings between",
			says: "a message may come in fragments, with pings between them",
			run:  (*probe).fragments},
		{section: s, promise: "a ping is answered with a pong of the same payload",
			says: "a ping is answered with a pong of the same payload",
			run:  (*probe).pongs},
		{section: s, promise: "a close is answered with a close of the same code",
			says: "and a close with a close of the same code",
			run:  (*probe).closes},
		{section: s, promise: "a frame that is not masked, or has reserved bits, ends the connection",
			says: "what a client did not mask, or what has bits or opcodes that are reserved, ends the connection",
			run:  (*probe).maskedOnly},
		{section: s, promise: "a hello with a fault is answered with error, and another may follow",
			says: "A hello with a fault in it is answered with error, and another may follow in that time",
			run:  (*probe).helloMended},
		{section: s, promise: "nesting too deep and half a surrogate pair are bad_frame whatever the op, and the connection goes on",
			says: "nesting that is too deep, and half a surrogate pair, with bad_frame, whatever the op",
			run:  (*probe).refusedJSON},
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

func (p *probe) helloAwaited() {
	began := time.Now()
	p.dial("somebody", "").wantClose(4200, "error")
	if took := time.Since(began); took < 9*time.Second {
		p.Failf("it was closed after %v, want 10 s", took.Round(time.Second))
	}
}

// faulty are members that make any frame a bad one.
func faulty() []string {
	return []string{`"x":` + nested(64), `"x":"\ud800"`, `"\udc00":1`}
}

func (p *probe) helloMended() {
	id := p.id("alice")
	s := p.dial(id, "")
	for _, fault := range append(faulty(), `"clientid":1`, `"token":{}`) {
		s.say(`{"op":"hello",` + fault + `}`)
		if f := s.want("error"); f.str("code") != "bad_frame" {
			p.Failf("%s, want bad_frame", f.Text)
		}
	}
	s.say(p.hello(id))
	if f := s.want("welcome"); f.str("clientid") != id {
		p.Failf("%s, want the client id %s", f.Text, id)
	}
}

func (p *probe) refusedJSON() {
	s := p.join("alice")
	for _, fault := range faulty() {
		p.wantBadFrame(s, `{"op":"ping","ref":11,`+fault+`}`, "11")
		p.wantBadFrame(s, `{"op":"conformance","ref":12,`+fault+`}`, "12")
	}
}

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

func (p *probe) noFrame() {
	for _, text := range []string{
		"", "hello", `{"op":"ping"`, `[]`, `"ping"`, `42`, `null`, `{}`, `{"ref":1}`, `{"op":""}`, `{"op":1}`, `{"op":null}`, `{"op":"ping"}{"op":"ping"}`,
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
	for _, more := range []string{most + "x", most + most} { // of which the second one is about what is read at all
		bob.refused(obj{"op": "send", "channel": channel, "type": "msg", "payload": more}, "too_large")
	}
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
