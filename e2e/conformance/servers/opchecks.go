package servers

import (
	"fmt"
	"strings"
)

func clientFrameChecks() []check {
	const s = "Client frames"
	return []check{
		{section: s, promise: "hello: a token is at most 8192 bytes",
			says: "token is a text of at most 8192 bytes.",
			run:  (*probe).tokenBound},
		{section: s, promise: "subscribe with neither since nor history: what is sent from now on",
			says: "with neither, what is sent from now on",
			run:  (*probe).fromNowOn},
		{section: s, promise: "subscribe with since: everything after that place",
			says: "With since, everything after that place follows",
			run:  (*probe).sincePlace},
		{section: s, promise: "subscribe with history: so many of the newest messages first",
			says: "with history, first so many of the newest messages, as far as they are kept",
			run:  (*probe).history},
		{section: s, promise: "history beyond 1000 is taken as 1000",
			says: "what is beyond 1000 is taken as 1000",
			run:  (*probe).longHistory},
		{section: s, promise: "since and history exclude each other",
			says: "The two exclude each other.",
			run:  (*probe).sinceOrHistory},
		{section: s, promise: "echo asks for one's own messages",
			says: `"echo":true asks for one's own messages, too.`,
			run:  (*probe).echo},
		{section: s, promise: "a second subscription to a channel is refused with bad_frame",
			says: "A second subscription to the same channel on one connection is refused with bad_frame.",
			run:  (*probe).subscribedTwice},
		{section: s, promise: "no message comes after unsubscribed",
			says: "No message of it comes after the answer.",
			run:  (*probe).unsubscribe},
		{section: s, promise: "after unsubscribe one may subscribe again",
			says: "unsubscribe ends a subscription.",
			run:  (*probe).subscribeAgain},
		{section: s, promise: "unsubscribe from what was not subscribed to is refused with not_subscribed",
			says: "unsubscribe from a channel that was not subscribed to",
			run:  (*probe).notSubscribed},
		{section: s, promise: "send: a payload is handed on exactly as it is written",
			says: "payload is any JSON value and is handed on exactly as it is written, white space, spelling of numbers and duplicate keys included",
			run:  (*probe).payloads},
		{section: s, promise: "send: no type is \"\", and no payload is null",
			says: `none is the same as ""`,
			run:  (*probe).sendDefaults},
		{section: s, promise: "send: a type is any text of at most 256 bytes",
			says: "type is a text of at most 256 bytes that the applications agree on",
			run:  (*probe).types},
		{section: s, promise: "send: id, type, reply_to and the sender are handed on",
			says: "reply_to is the id of the message this one answers",
			run:  (*probe).sendFields},
		{section: s, promise: "send: without id, the server chooses one",
			says: "without it, the gateway chooses",
			run:  (*probe).chosenIDs},
		{section: s, promise: "ping is answered with pong",
			says: "ping asks for a pong.",
			run:  (*probe).pingPong},
	}
}

func (p *probe) tokenBound() {
	s := p.dial("alice", "")
	s.say(obj{"op": "hello", "clientid": p.id("alice"), "token": strings.Repeat("t", 8193)})
	if f := s.want("error"); f.str("code") != "bad_frame" {
		p.Failf("%s, want bad_frame", f.Text)
	}
}

func (p *probe) fromNowOn() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	before := bob.send(channel, "before")
	f := alice.subscribe(channel, nil)
	if f.has("recovered") || f.str("cursor") != before.str("cursor") {
		p.Failf("%s, want the channel's end as its cursor, and no recovered", f.Text)
	}
	bob.send(channel, "after")
	alice.message("after")
}

func (p *probe) sincePlace() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	var places []string
	for _, text := range []string{"one", "two", "three"} {
		places = append(places, bob.send(channel, text).str("cursor"))
	}
	f := alice.subscribe(channel, obj{"since": places[0]})
	p.wantRecovered(f, true)
	if f.str("cursor") != places[0] {
		p.Failf("%s, want the cursor %s", f.Text, places[0])
	}
	alice.message("two")
	alice.message("three")
	bob.send(channel, "four")
	alice.message("four")
}

func (p *probe) history() {
	bob, channel := p.join("bob"), p.channel()
	all := []string{"one", "two", "three", "four"}
	end := ""
	for _, text := range all {
		end = bob.send(channel, text).str("cursor")
	}
	for _, n := range []int{1, 3, 4, 9} {
		s := p.join("alice")
		f := s.subscribe(channel, obj{"history": n})
		if f.has("recovered") || f.str("cursor") != end {
			p.Failf("%s, want the channel's end as its cursor, and no recovered", f.Text)
		}
		for _, text := range all[max(0, len(all)-n):] {
			s.message(text)
		}
		s.quiet()
	}
}

func (p *probe) longHistory() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	bob.send(channel, "one")
	alice.subscribe(channel, obj{"history": 1_000_000_000})
	alice.message("one")
}

func (p *probe) sinceOrHistory() {
	s, channel := p.join("alice"), p.channel()
	place := s.send(channel, "one").str("cursor")
	s.refused(obj{"op": "subscribe", "channel": channel, "since": place, "history": 1}, "bad_frame")
}

func (p *probe) echo() {
	s, channel := p.join("alice"), p.channel()
	s.subscribe(channel, obj{"echo": true})
	s.send(channel, "own")
	if f := s.message("own"); f.str("from") != s.who {
		p.Failf("%s, want it from %s", f.Text, s.who)
	}
}

func (p *probe) subscribedTwice() {
	s, channel := p.join("alice"), p.channel()
	s.subscribe(channel, nil)
	s.refused(obj{"op": "subscribe", "channel": channel}, "bad_frame")
}

// unsubscribe has a third one see that the message was delivered.
func (p *probe) unsubscribe() {
	alice, bob, carol := p.join("alice"), p.join("bob"), p.join("carol")
	left, kept := p.channel(), p.channel()
	for _, s := range []*socket{alice, carol} {
		s.subscribe(left, nil)
		s.subscribe(kept, nil)
	}
	f := alice.must("unsubscribed", obj{"op": "unsubscribe", "channel": left})
	if f.str("channel") != left {
		p.Failf("%s, want the channel %s", f.Text, left)
	}
	bob.send(left, "for carol")
	carol.message("for carol")
	bob.send(kept, "for both")
	alice.message("for both")
}

func (p *probe) subscribeAgain() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	cursor := alice.subscribe(channel, nil).str("cursor")
	alice.must("unsubscribed", obj{"op": "unsubscribe", "channel": channel})
	bob.send(channel, "meanwhile")
	p.wantRecovered(alice.subscribe(channel, obj{"since": cursor}), true)
	alice.message("meanwhile")
}

func (p *probe) notSubscribed() {
	p.join("alice").refused(obj{"op": "unsubscribe", "channel": p.channel()}, "not_subscribed")
}

func (p *probe) payloads() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	for i, payload := range []string{
		`{ "a" : 1.0 ,	"a":1e3, "b":[ ] }`, `"\u00e9\/\u0000\u2028"`, "\"\u00e9/<&>\u2028\"", `1.50`, `123456789012345678901234567890`,
		`-0`, `true`, `false`, `null`, `""`, `[]`, `{"op":"message","payload":{"":null}}`,
	} {
		bob.say(fmt.Sprintf(`{"op":"send","ref":%d,"channel":%q,"type":"msg","payload":%s}`, i+1, channel, payload))
		bob.want("sent")
		// A line separator may be written as an escape: pages evaluate texts.
		got := alice.want("message").raw("payload")
		if got != payload && got != strings.ReplaceAll(payload, "\u2028", `\u2028`) {
			p.Failf("the payload %s came as %s", payload, got)
		}
	}
}

func (p *probe) sendDefaults() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	bob.must("sent", obj{"op": "send", "channel": channel})
	if f := alice.want("message"); f.raw("type") != `""` || f.raw("payload") != "null" {
		p.Failf(`%s, want the type "" and the payload null`, f.Text)
	}
}

func (p *probe) types() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	for _, typ := range []string{strings.Repeat("t", 256), "gr\u00f6\u00dfe \U0001f600", "\"\\/\b\f\n\r\t\u0000\u001f\u007f", "a\u2028b", " "} {
		bob.sendMore(channel, "hi", obj{"type": typ})
		if got := alice.message("hi").str("type"); got != typ {
			p.Failf("the type %q came as %q", typ, got)
		}
	}
	bob.refused(obj{"op": "send", "channel": channel, "type": strings.Repeat("t", 257)}, "bad_frame")
}

func (p *probe) sendFields() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	sent := bob.sendMore(channel, "hi", obj{"id": "own-1", "type": "greeting", "reply_to": "other-1"})
	f := alice.message("hi")
	for key, want := range map[string]string{
		"channel": channel, "id": "own-1", "type": "greeting", "from": bob.who, "reply_to": "other-1", "cursor": sent.str("cursor"),
	} {
		if got := f.str(key); got != want {
			p.Failf("%s is %q, want %q", key, got, want)
		}
	}
}

func (p *probe) chosenIDs() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	seen := make(map[string]bool)
	for range 3 {
		id := bob.send(channel, "hi").str("id")
		if got := alice.message("hi").str("id"); got != id || seen[id] {
			p.Failf("the ids %q and %q, want the same one, and each time another", id, got)
		}
		seen[id] = true
	}
}

func (p *probe) pingPong() { p.join("alice").must("pong", obj{"op": "ping"}) }

func serverFrameChecks() []check {
	const s = "Server frames"
	return []check{
		{section: s, promise: "welcome tells client id, version 1, ping and max_message",
			says: "the client's id, the protocol's version, the seconds within which a WebSocket hears of the gateway at least once, and the bound on a message in bytes",
			run:  (*probe).welcome},
		{section: s, promise: "subscribed comes before the channel's first message",
			says: "subscribed comes before the channel's first message.",
			run:  (*probe).subscribedFirst},
		{section: s, promise: "a since that can't be served is told by recovered false",
			says: "false means that some can't be had any more",
			run:  (*probe).notRecovered},
		{section: s, promise: "subscribed may be ahead of since where one's own messages lay between",
			says: "cursor may be ahead of since when one's own messages, which were left out, lay between.",
			run:  (*probe).cursorOverOwn},
		{section: s, promise: "message: from is absent where nobody was named, reply_to where it answers none",
			says: "from is the sender's client id and is absent where nobody was named. reply_to is absent where the message answers none.",
			run:  (*probe).absentFields},
	}
}

func (p *probe) welcome() {
	id := p.id("alice")
	s := p.dial(id, "")
	s.say(p.hello(id))
	if f := s.want("welcome"); f.str("clientid") != id { // the rest is looked at in all frames
		p.Failf("%s, want the client id %s", f.Text, id)
	}
}

// subscribedFirst subscribes while somebody sends.
func (p *probe) subscribedFirst() {
	bob, channel := p.join("bob"), p.channel()
	bob.send(channel, "first")
	for i := range 10 {
		bob.say(obj{"op": "send", "channel": channel, "payload": "more"})
		s := p.join("alice")
		s.say(obj{"op": "subscribe", "channel": channel, "ref": 1}.with([]obj{{}, {"history": 2}}[i%2]))
		s.want("subscribed")
	}
}

func (p *probe) notRecovered() {
	s, channel := p.join("alice"), p.channel()
	bob := p.join("bob")
	bob.send(channel, "one")
	p.wantRecovered(s.subscribe(channel, obj{"since": "no.such~place"}), false)
}

func (p *probe) cursorOverOwn() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	since := alice.subscribe(channel, nil).str("cursor")
	alice.send(channel, "own")
	alice.must("unsubscribed", obj{"op": "unsubscribe", "channel": channel})
	p.wantRecovered(alice.subscribe(channel, obj{"since": since}), true)
	bob.send(channel, "other")
	alice.message("other")
}

func (p *probe) absentFields() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	bob.send(channel, "hi")
	if f := alice.message("hi"); f.has("reply_to") {
		p.Failf("%s, want no reply_to", f.Text)
	}
	p.postText("4711", channel, `{"type":"msg","payload":"anonymous"}`)
	if f := alice.message("anonymous"); f.has("from") {
		p.Failf("%s, want no from", f.Text)
	}
}
