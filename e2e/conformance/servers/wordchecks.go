package servers

import (
	"net/http"
	"strings"
)

func wordChecks() []check {
	const s = "Words"
	return []check{
		{section: s, promise: "channel names that can't be are refused with bad_channel",
			says: "Refused are invalid UTF-8, every byte from 0x00 to 0x20 (so spaces, too), 0x7f, and names that begin with lock_",
			run:  (*probe).badChannels},
		{section: s, promise: "channel names may hold 180 bytes of anything else",
			says: "A name of 1 to 180 bytes.",
			run:  (*probe).goodChannels},
		{section: s, promise: "names are compared byte by byte",
			says: "Names are compared byte by byte; there is no normalisation and no folding of case.",
			run:  (*probe).namesByByte},
		{section: s, promise: "client ids that can't be are refused with bad_client",
			says: "1 to 128 bytes; the same bytes are refused",
			run:  (*probe).badClients},
		{section: s, promise: "client ids may hold 128 bytes, and begin with lock_",
			says: "1 to 128 bytes; the same bytes are refused, lock_ is not.",
			run:  (*probe).goodClients},
		{section: s, promise: "a client that names no id is given one in welcome",
			says: "A client that names none is given one in welcome.",
			run:  (*probe).clientGiven},
		{section: s, promise: "what can't be a cursor is refused with bad_frame",
			says: "an opaque text of 1 to 64 bytes out of A-Z a-z 0-9 . _ ~ -",
			run:  (*probe).badCursors},
		{section: s, promise: "a message has one cursor for its sender and all readers",
			says: "Every node of a deployment gives the same message the same cursor.",
			run:  (*probe).oneCursor},
		{section: s, promise: "a cursor stays good over reconnects and changes of transport",
			says: "It stays good over reconnects, over a change of transport",
			run:  (*probe).cursorTravels},
		{section: s, promise: "message ids that can't be are refused with bad_frame",
			says: "not beginning with _ and not a decimal number (digits, perhaps with - in front)",
			run:  (*probe).badMessageIDs},
		{section: s, promise: "message ids may hold 64 bytes out of A-Z a-z 0-9 . _ ~ -",
			says: "1 to 64 bytes out of A-Z a-z 0-9 . _ ~ -, unique in its channel",
			run:  (*probe).goodMessageIDs},
		{section: s, promise: "an id used again within two minutes is acknowledged as the first and delivered once",
			says: "A message with an id that was used in the same channel within the last two minutes is acknowledged as the first one was, with the first one's cursor, and is not delivered again",
			run:  (*probe).sameID},
		{section: s, promise: "an id used again over another transport is delivered once, too",
			says: "a client may safely send again what was not acknowledged",
			run:  (*probe).sameIDElsewhere},
		{section: s, promise: "an id is unique in its channel, and free in others",
			says: "unique in its channel",
			run:  (*probe).sameIDOtherChannel},
	}
}

// badNames are names that can be neither a channel's nor a client's; over is
// one byte too long.
func badNames(over string) []string {
	return []string{"a b", " a", "a\tb", "a\nb", "a\u0000b", "a\u007fb", over}
}

func (p *probe) badChannels() {
	s := p.join("alice")
	for _, name := range append(badNames(strings.Repeat("c", 181)), "", "lock_", "lock_room") {
		for _, op := range []string{"subscribe", "send", "presence", "unsubscribe"} {
			s.refused(obj{"op": op, "channel": name}, "bad_channel")
		}
	}
}

// long is a name of so many bytes, of two bytes each but the last.
func (p *probe) long(prefix string, bytes int) string {
	name := prefix + p.unique()
	name += strings.Repeat("\u00e9", (bytes-len(name))/2)
	return name + strings.Repeat("x", bytes-len(name))
}

func (p *probe) goodChannels() {
	alice, bob := p.join("alice"), p.join("bob")
	odd := p.channel() + `a/b?c=d&e#f%20<g>:h\"'`
	for _, name := range []string{p.long(p.prefix, 180), odd, p.channel() + "\u65e5\u672c\U0001f600\u00a0\u0085"} {
		alice.subscribe(name, nil)
		bob.send(name, "hi")
		if got := alice.message("hi").str("channel"); got != name {
			p.Failf("the message's channel is %q, want %q", got, name)
		}
	}
}

func (p *probe) namesByByte() {
	alice, bob := p.join("alice"), p.join("bob")
	name := p.channel() + "caf\u00e9"
	alice.subscribe(name, nil)
	for _, other := range []string{strings.ToUpper(name), strings.Replace(name, "\u00e9", "e\u0301", 1), name + "."} {
		bob.send(other, "elsewhere")
	}
	bob.send(name, "here")
	alice.message("here")
}

func (p *probe) badClients() {
	s := p.dial("somebody", "")
	for _, id := range badNames(strings.Repeat("i", 129)) {
		s.say(p.hello(id))
		if f := s.want("error"); f.str("code") != "bad_client" {
			p.Failf("%s, want bad_client", f.Text)
		}
	}
	s.say(p.hello(p.id("alice")))
	s.want("welcome")
	p.wantError(p.upgrade("?clientid=a%20b", nil), http.StatusBadRequest, "bad_client")
}

func (p *probe) goodClients() {
	for _, id := range []string{p.long("", 128), "lock_" + p.unique(), p.unique() + "\u65e5\u672c\U0001f600/?&#%"} {
		s := p.dial("somebody", "")
		s.say(p.hello(id))
		if got := s.want("welcome").str("clientid"); got != id {
			p.Failf("welcomed as %q, want %q", got, id)
		}
	}
}

func (p *probe) clientGiven() {
	seen := make(map[string]bool)
	for _, hello := range []obj{{"op": "hello"}, {"op": "hello", "clientid": ""}} {
		if p.cfg.Token != "" {
			hello["token"] = p.cfg.Token
		}
		s := p.dial("somebody", "")
		s.say(hello)
		id := s.want("welcome").str("clientid")
		answer := p.one(p.frames(p.do("somebody", p.post("", hello, obj{"op": "ping"}))), "welcome")
		for _, id := range []string{id, answer.str("clientid")} {
			if seen[id] && p.cfg.Token == "" {
				p.Failf("%q was given twice", id)
			}
			seen[id] = true
		}
	}
}

func (p *probe) badCursors() {
	s := p.join("alice")
	for _, c := range []string{"a b", "a/b", "a+b", "\u00e9", strings.Repeat("c", 65)} {
		s.refused(obj{"op": "subscribe", "channel": p.channel(), "since": c}, "bad_frame")
	}
}

func (p *probe) oneCursor() {
	channel := p.channel()
	alice, bob, carol := p.join("alice"), p.join("bob"), p.id("carol")
	alice.subscribe(channel, nil)
	start := p.one(p.exchange(carol, obj{"op": "subscribe", "channel": channel}), "subscribed").str("cursor")
	sent := bob.send(channel, "hi")
	told := alice.message("hi")
	polled := p.one(p.exchange(carol, obj{"op": "subscribe", "channel": channel, "since": start}), "message")
	for _, f := range []frame{told, polled} {
		if f.str("cursor") != sent.str("cursor") || f.str("id") != sent.str("id") {
			p.Failf("%s and %s, want the same id and cursor", sent.Text, f.Text)
		}
	}
}

// cursorTravels reads each message with another connection, the two transports
// taking turns.
func (p *probe) cursorTravels() {
	channel, id := p.channel(), p.id("alice")
	bob := p.join("bob")
	s := p.joinAs(id)
	cursor := s.subscribe(channel, nil).str("cursor")
	s.leave()
	for i, text := range []string{"one", "two", "three", "four"} {
		bob.send(channel, text)
		since := obj{"since": cursor}
		if i%2 == 0 {
			frames := p.exchange(id, obj{"op": "subscribe", "channel": channel}.with(since))
			p.wantRecovered(p.one(frames, "subscribed"), true)
			cursor = p.wantPayload(p.one(frames, "message"), text).str("cursor")
			continue
		}
		s := p.joinAs(id)
		p.wantRecovered(s.subscribe(channel, since), true)
		cursor = s.message(text).str("cursor")
		s.leave()
	}
}

func (p *probe) wantRecovered(subscribed frame, want bool) {
	if !subscribed.has("recovered") || (subscribed.raw("recovered") == "true") != want {
		p.Failf(`%s, want "recovered":%t`, subscribed.Text, want)
	}
}

func (p *probe) wantPayload(message frame, text string) frame {
	if message.str("payload") != text {
		p.Failf("%s, want the payload %q", message.Text, text)
	}
	return message
}

func (p *probe) badMessageIDs() {
	s, channel := p.join("alice"), p.channel()
	for _, id := range []string{"_a", "42", "-42", "0", "a b", "a/b", "\u00e9", strings.Repeat("i", 65)} {
		s.refused(obj{"op": "send", "channel": channel, "payload": 1, "id": id}, "bad_frame")
	}
	for _, id := range []string{"a b", "a/b", strings.Repeat("i", 65)} {
		s.refused(obj{"op": "send", "channel": channel, "payload": 1, "reply_to": id}, "bad_frame")
	}
}

func (p *probe) goodMessageIDs() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	for _, id := range []string{strings.Repeat("a-._~B01", 8), "x", "4.2", "~", "a_"} {
		if got := bob.sendMore(channel, "hi", obj{"id": id}).str("id"); got != id {
			p.Failf("sent has the id %q, want %q", got, id)
		}
		if got := alice.message("hi").str("id"); got != id {
			p.Failf("the message has the id %q, want %q", got, id)
		}
	}
}

func (p *probe) sameID() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	first := bob.sendMore(channel, "first", obj{"id": "own-1"})
	again := bob.sendMore(channel, "again", obj{"id": "own-1"})
	p.wantSame(first, again)
	bob.send(channel, "last")
	alice.message("first")
	alice.message("last")
}

func (p *probe) wantSame(first, again frame) {
	for _, key := range []string{"id", "cursor"} {
		if first.str(key) != again.str(key) {
			p.Failf("%s, then %s; want the same %s", first.Text, again.Text, key)
		}
	}
}

func (p *probe) sameIDElsewhere() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	first := bob.sendMore(channel, "first", obj{"id": "own-1"})
	again := p.exchange(bob.who, obj{"op": "send", "ref": 1, "channel": channel, "type": "msg", "payload": "first", "id": "own-1"})
	p.wantSame(first, p.one(again, "sent"))
	bob.send(channel, "last")
	alice.message("first")
	alice.message("last")
}

func (p *probe) sameIDOtherChannel() {
	alice, bob := p.join("alice"), p.join("bob")
	for range 2 {
		channel := p.channel()
		alice.subscribe(channel, nil)
		bob.sendMore(channel, "hi", obj{"id": "own-1"})
		alice.message("hi")
	}
}
