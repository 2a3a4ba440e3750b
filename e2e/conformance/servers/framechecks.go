package servers

import (
	"fmt"
	"strings"
)

func frameChecks() []check {
	const s = "Frames"
	return []check{
		{section: s, promise: "white space and the order of fields do not count",
			says: "White space and the order of fields do not count.",
			run:  (*probe).spaceAndOrder},
		{section: s, promise: "of two fields of one name, the last one counts",
			says: "Of two fields of one name, the last one counts.",
			run:  (*probe).lastCounts},
		{section: s, promise: "unknown fields are ignored, and names of fields told apart by case",
			says: "Unknown fields are ignored, by both sides.",
			run:  (*probe).unknownFields},
		{section: s, promise: "a known field of another kind is refused, also where the op has no use for it",
			says: "A field this page knows must be of the kind this page gives it, also in a frame whose op has no use for it.",
			run:  (*probe).wrongKinds},
		{section: s, promise: "an empty text, and 0 in history, are the same as no such field",
			says: "An empty text in clientid, token, since, id or reply_to, and 0 in history, are the same as no such field.",
			run:  (*probe).emptyIsNone},
		{section: s, promise: "64 deep is taken, and deeper refused",
			says: "Nesting is at most 64 deep, counting arrays and objects, the frame itself included, and the array of a long-poll exchange not.",
			run:  (*probe).depth},
		{section: s, promise: "half a surrogate pair is refused, anywhere",
			says: `Escapes such as \ud800 that are half a surrogate pair are refused, anywhere in a frame`,
			run:  (*probe).surrogates},
		{section: s, promise: "whole numbers are digits, perhaps with - in front",
			says: "Whole numbers are digits, perhaps with - in front: 1.0 and 1e3 are refused.",
			run:  (*probe).wholeNumbers},
		{section: s, promise: "a ref is any whole number of 64 bits, and comes back",
			says: "A ref is the client's own number for a request, any whole number of 64 bits.",
			run:  (*probe).refs},
		{section: s, promise: "a ref comes back in an error",
			says: "It comes back in the answer, be it a result or an error.",
			run:  (*probe).refInError},
		{section: s, promise: "a request without ref is not acknowledged",
			says: "A request without ref is not acknowledged",
			run:  (*probe).withoutRef},
		{section: s, promise: "the failure of a request without ref is told",
			says: "but its failure is told",
			run:  (*probe).failureWithoutRef},
		{section: s, promise: "subscribed comes also without ref",
			says: "Two answers come in any case, with ref or without: subscribed, since it tells the cursor",
			run:  (*probe).subscribedWithoutRef},
		{section: s, promise: "an op of more than 32 bytes is refused with bad_frame",
			says: "or its op is missing, empty, no text or longer than 32 bytes",
			run:  (*probe).longOp},
		{section: s, promise: "an unknown op is answered with unknown_op, whatever its fields, and the connection goes on",
			says: "it gets unknown_op, whatever the other fields, and the connection goes on",
			run:  (*probe).unknownOp},
	}
}

func (p *probe) spaceAndOrder() {
	s := p.join("alice")
	s.say(" \t\r\n{ \"ref\" : 7 ,\n\t\"op\" : \"ping\" } \n")
	if f := s.want("pong"); f.num("ref") != 7 {
		p.Failf("%s, want the ref 7", f.Text)
	}
}

func (p *probe) lastCounts() {
	s := p.join("alice")
	s.say(`{"op":"presence","ref":1,"op":"ping","ref":2}`)
	if f := s.want("pong"); f.num("ref") != 2 {
		p.Failf("%s, want the ref 2", f.Text)
	}
}

func (p *probe) unknownFields() {
	s := p.join("alice")
	s.say(`{"op":"ping","ref":3,"x":{"op":[null,{}]},"Ref":"no","OP":1,"":0}`)
	if f := s.want("pong"); f.num("ref") != 3 {
		p.Failf("%s, want the ref 3", f.Text)
	}
}

func (p *probe) wrongKinds() {
	s := p.join("alice")
	for _, field := range []string{
		`"since":1`, `"since":null`, `"history":"1"`, `"history":null`, `"history":-1`, `"history":true`, `"echo":"true"`, `"echo":1`,
		`"echo":null`, `"channel":1`, `"clientid":1`, `"token":{}`, `"id":1`, `"reply_to":[]`, `"type":1`, `"type":null`, `"id":null`,
	} {
		s.ref++
		s.say(fmt.Sprintf(`{"op":"ping","ref":%d,%s}`, s.ref, field))
		if f := s.answer(s.ref); f.Op != "error" || f.str("code") != "bad_frame" {
			p.Failf("%s was answered with %s, want bad_frame", field, f.Text)
		}
	}
	s.say(`{"op":"ping","ref":99,"payload":null}`)
	s.answer(99)
	s.say(`{"op":"ping","ref":"1"}`)
	if f := s.want("error"); f.str("code") != "bad_frame" || f.has("ref") {
		p.Failf("%s, want bad_frame without a ref", f.Text)
	}
	s.quiet()
}

func (p *probe) emptyIsNone() {
	s, channel := p.join("alice"), p.channel()
	if f := s.subscribe(channel, obj{"since": "", "history": 0}); f.has("recovered") {
		p.Failf("%s, want no recovered", f.Text)
	}
	f := s.sendMore(channel, "hi", obj{"id": "", "reply_to": "", "since": "", "token": ""})
	s.subscribe(p.channel(), obj{"since": f.str("cursor"), "history": 0})
}

// nested is an array so many deep.
func nested(deep int) string { return strings.Repeat("[", deep) + strings.Repeat("]", deep) }

func (p *probe) depth() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	send := `{"op":"send","ref":%d,"channel":%q,"type":"msg","payload":%s}`
	bob.say(fmt.Sprintf(send, 1, channel, nested(63)))
	bob.want("sent")
	if got := alice.want("message").raw("payload"); got != nested(63) {
		p.Failf("the payload %s came, want %s", got, nested(63))
	}
	p.wantBadFrame(bob, fmt.Sprintf(send, 2, channel, nested(64)), "2")
	// The array of an exchange is not counted.
	p.one(p.exchange(bob.who, fmt.Sprintf(send, 3, channel, nested(63))), "sent")
}

// wantBadFrame wants a text to be refused with its ref, "" for none, and the
// connection to go on.
func (p *probe) wantBadFrame(s *socket, text, ref string) {
	s.say(text)
	if f := s.hear(); f.Op != "error" || f.str("code") != "bad_frame" || f.raw("ref") != ref {
		p.Failf("%s came, want bad_frame with the ref %q", f.Text, ref)
	}
	s.quiet()
}

func (p *probe) surrogates() {
	s, channel := p.join("alice"), p.channel()
	for _, tt := range []struct{ text, ref string }{
		{`{"op":"send","ref":11,"channel":%q,"payload":"\ud800"}`, "11"},
		{`{"op":"send","ref":12,"channel":%q,"payload":{"a":["\udc00\ud800"]}}`, "12"},
		{`{"op":"send","ref":13,"channel":%q,"payload":"\ud83dx"}`, "13"},
		{`{"op":"ping","x":%q,"\ud83d":1}`, ""},
	} {
		p.wantBadFrame(s, fmt.Sprintf(tt.text, channel), tt.ref)
	}
	s.say(fmt.Sprintf(`{"op":"send","ref":1,"channel":%q,"payload":"\ud83d\ude00"}`, channel))
	s.want("sent")
}

func (p *probe) wholeNumbers() {
	s := p.join("alice")
	for _, n := range []string{"1.0", "1e3", "0.5", "9223372036854775808"} {
		s.say(`{"op":"ping","ref":` + n + `}`)
		if f := s.want("error"); f.str("code") != "bad_frame" {
			p.Failf("the ref %s was answered with %s, want bad_frame", n, f.Text)
		}
		s.say(fmt.Sprintf(`{"op":"subscribe","ref":1,"channel":%q,"history":%s}`, p.channel(), n))
		if f := s.want("error"); f.str("code") != "bad_frame" {
			p.Failf("the history %s was answered with %s, want bad_frame", n, f.Text)
		}
	}
}

func (p *probe) refs() {
	s := p.join("alice")
	for _, n := range []string{"0", "-1", "1", "9007199254740993", "9223372036854775807", "-9223372036854775808"} {
		s.say(`{"op":"ping","ref":` + n + `}`)
		if got := s.want("pong").raw("ref"); got != n {
			p.Failf("the ref %s came back as %q", n, got)
		}
	}
}

func (p *probe) refInError() {
	s := p.join("alice")
	f := s.refused(obj{"op": "subscribe", "channel": "a b"}, "bad_channel") // it was found by its ref
	if !f.has("ref") {
		p.Failf("%s, want a ref", f.Text)
	}
}

func (p *probe) withoutRef() {
	s, channel := p.join("alice"), p.channel()
	s.subscribe(channel, nil)
	s.say(obj{"op": "send", "channel": channel, "payload": 1})
	s.say(obj{"op": "ping"})
	s.say(obj{"op": "unsubscribe", "channel": channel})
	s.quiet()
}

func (p *probe) failureWithoutRef() {
	s := p.join("alice")
	for _, o := range []obj{
		{"op": "send", "channel": "a b", "payload": 1},
		{"op": "unsubscribe", "channel": p.channel()},
		{"op": "subscribe", "channel": "lock_x"},
	} {
		s.say(o)
		if f := s.want("error"); f.has("ref") {
			p.Failf("%s, want no ref", f.Text)
		}
	}
}

func (p *probe) subscribedWithoutRef() {
	s, channel := p.join("alice"), p.channel()
	s.say(obj{"op": "subscribe", "channel": channel})
	if f := s.want("subscribed"); f.str("channel") != channel || f.has("ref") {
		p.Failf("%s, want the channel %s and no ref", f.Text, channel)
	}
}

func (p *probe) unknownOp() {
	s := p.join("alice")
	s.refused(obj{"op": "conformance"}, "unknown_op")
	s.refused(obj{"op": "conformance", "channel": 1, "history": "x", "since": nil}, "unknown_op")
}

func (p *probe) longOp() {
	s := p.join("alice")
	s.say(obj{"op": strings.Repeat("o", 33), "ref": 1})
	if f := s.want("error"); f.str("code") != "bad_frame" || f.num("ref") != 1 {
		p.Failf("%s, want bad_frame with the ref 1", f.Text)
	}
	s.wantClose(4200)
	p.join("alice").refused(obj{"op": strings.Repeat("o", 32)}, "unknown_op")
}
