package servers

import (
	"net/http"
	"time"
)

// place is the end of a channel.
func (p *probe) place(channel string) string {
	return p.one(p.exchange(p.id("place"), obj{"op": "subscribe", "channel": channel}), "subscribed").str("cursor")
}

// holdSince holds an exchange that waits for a channel's next message.
func (p *probe) holdSince(id, channel, since string) *held {
	return p.hold(id, p.post("", p.hello(id), obj{"op": "subscribe", "channel": channel, "since": since}))
}

func (p *probe) heldUntil() {
	bob, channel, id := p.join("bob"), p.channel(), p.id("alice")
	since := p.place(channel)
	h := p.holdSince(id, channel, since)
	p.wantHeld(h)
	sent := bob.send(channel, "hi")
	frames := p.frames(p.await(h))
	f := p.one(frames, "subscribed")
	p.wantRecovered(f, true)
	m := p.wantPayload(p.one(frames, "message"), "hi")
	if f.str("cursor") != since || m.str("cursor") != sent.str("cursor") || frames[0].Op != "subscribed" {
		p.Failf("%s, want subscribed with the cursor %s, then the message with %s", texts(frames), since, sent.str("cursor"))
	}
}

func (p *probe) heldToEnd() {
	channel, id := p.channel(), p.id("alice")
	r := p.post("", p.hello(id), obj{"op": "subscribe", "channel": channel, "since": p.place(channel)})
	r.within = longestHold
	h := p.hold(id, r)
	<-h.done
	switch {
	case h.err != nil && time.Since(h.began) > longestHold-time.Second:
		p.Skipf("it is held for longer than %v", longestHold)
	case h.err != nil:
		p.Failf("%v", h.err)
	case time.Since(h.began) < watch:
		p.Failf("it was answered at once: %s", h.a.body)
	case h.a.status != http.StatusOK || h.a.body != "[]":
		p.Failf("status %d and %s, want 200 and []", h.a.status, h.a.body)
	}
}

// atOnce adds a frame to an exchange that would be held.
func (p *probe) atOnce() {
	channel, id := p.channel(), p.id("alice")
	since := p.place(channel)
	for _, tt := range []struct {
		more obj
		op   string
	}{
		{obj{"op": "ping", "ref": 1}, "pong"},
		{obj{"op": "send", "ref": 1, "channel": p.channel(), "payload": 1}, "sent"},
		{obj{"op": "unsubscribe", "ref": 1, "channel": p.channel()}, "unsubscribed"},
		{obj{"op": "subscribe", "ref": 1, "channel": p.channel()}, "subscribed"},
		{obj{"op": "presence", "ref": 1, "channel": p.channel()}, ""}, // or forbidden
	} {
		p.beforeHold(func() {
			for _, f := range p.exchange(id, obj{"op": "subscribe", "channel": channel, "since": since}, tt.more) {
				if f.has("ref") && (f.Op == tt.op || tt.op == "") {
					return
				}
			}
			p.Failf("there is no answer to %s", tt.more.text())
		})
	}
}

func (p *probe) failsAtOnce() {
	channel, id := p.channel(), p.id("alice")
	since := p.place(channel)
	p.beforeHold(func() {
		frames := p.exchange(id, obj{"op": "subscribe", "channel": channel, "since": since}, obj{"op": "subscribe", "ref": 2, "channel": "lock_"})
		if f := p.one(frames, "error"); f.str("code") != "bad_channel" || f.num("ref") != 2 {
			p.Failf("%s, want bad_channel with the ref 2", f.Text)
		}
	})
}

func (p *probe) lostAtOnce() {
	bob, channel := p.join("bob"), p.channel()
	bob.send(channel, "one")
	p.beforeHold(func() {
		f := p.one(p.exchange(p.id("alice"), obj{"op": "subscribe", "channel": channel, "since": "no.such~place"}), "subscribed")
		p.wantRecovered(f, false)
	})
}

func (p *probe) secondExchange() {
	channel, id := p.channel(), p.id("alice")
	bob := p.join("bob")
	bob.subscribe(channel, nil)
	h := p.holdSince(id, channel, p.place(channel))
	p.wantHeld(h)
	p.one(p.exchange(id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "mine"}), "sent")
	bob.message("mine")
	bob.send(channel, "bob's")
	messages := only(p.frames(p.await(h)), "message", "subscribed")
	for _, f := range messages {
		if f.Op == "message" && f.str("payload") != "bob's" {
			p.Failf("%s came, want bob's message alone", f.Text)
		}
	}
}

func (p *probe) severalChannels() {
	bob, id := p.join("bob"), p.id("alice")
	one, two := p.channel(), p.channel()
	h := p.hold(id, p.post("", p.hello(id),
		obj{"op": "subscribe", "channel": one, "since": p.place(one)}, obj{"op": "subscribe", "channel": two, "since": p.place(two)}))
	p.wantHeld(h)
	bob.send(two, "hi")
	frames := p.frames(p.await(h))
	if f := p.wantPayload(p.one(frames, "message"), "hi"); f.str("channel") != two {
		p.Failf("%s, want the channel %s", f.Text, two)
	}
}

func (p *probe) noState() {
	bob, channel, id := p.join("bob"), p.channel(), p.id("alice")
	since := p.place(channel)
	bob.send(channel, "hi")
	for range 3 {
		frames := p.exchange(id, obj{"op": "subscribe", "channel": channel, "since": since})
		p.wantRecovered(p.one(frames, "subscribed"), true)
		p.wantPayload(p.one(frames, "message"), "hi")
	}
}

// ownInExchange does not want to be told of the place behind own messages alone:
// that may take as long as nothing else happens.
func (p *probe) ownInExchange() {
	bob, channel, id := p.join("bob"), p.channel(), p.id("alice")
	place := p.place(channel)
	for _, text := range []string{"one", "two"} {
		p.one(p.exchange(id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "own"}), "sent")
		bob.send(channel, text)
		frames := p.exchange(id, obj{"op": "subscribe", "channel": channel, "since": place})
		p.wantRecovered(p.one(frames, "subscribed"), true)
		place = p.wantPayload(p.one(frames, "message"), text).str("cursor")
	}
}

// ownWhileHeld has another one's message end the wait at last, behind which the
// place is.
func (p *probe) ownWhileHeld() {
	bob, channel, id := p.join("bob"), p.channel(), p.id("alice")
	h := p.holdSince(id, channel, p.place(channel))
	p.wantHeld(h)
	p.one(p.exchange(id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "own"}), "sent")
	p.wantHeld(h)
	sent := bob.send(channel, "bob's")
	m := p.wantPayload(p.one(p.frames(p.await(h)), "message"), "bob's")
	if m.str("cursor") != sent.str("cursor") {
		p.Failf("%s, want the cursor %s", m.Text, sent.str("cursor"))
	}
}

func (p *probe) echoInExchange() {
	channel, id := p.channel(), p.id("alice")
	since := p.place(channel)
	p.exchange(id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "own"})
	p.wantPayload(p.one(p.exchange(id, obj{"op": "subscribe", "channel": channel, "since": since, "echo": true}), "message"), "own")
}

func (p *probe) historyInExchange() {
	bob, channel := p.join("bob"), p.channel()
	bob.send(channel, "one")
	bob.send(channel, "two")
	p.wantPayload(p.one(p.exchange(p.id("alice"), obj{"op": "subscribe", "channel": channel, "history": 1}), "message"), "two")
}
