package servers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

func longPollChecks() []check {
	const s = "Long-poll"
	return []check{
		{section: s, promise: "a body that is no array of frames is answered with 400", run: (*probe).noArray},
		{section: s, promise: "the status is 200, whatever the frames were about", run: (*probe).alwaysOK},
		{section: s, promise: "without hello and clientid, the answer is an error alone and nothing is done", run: (*probe).whoFirst},
		{section: s, promise: "?clientid= on the URL stands for hello", run: (*probe).clientInExchange},
		{section: s, promise: "a client id that can't be: an error alone, and nothing is done", run: (*probe).badClientExchange},
		{section: s, promise: "the token may be in Authorization", run: (*probe).bearer},
		{section: s, promise: "welcome is part of answers given at once", run: (*probe).welcomeAtOnce},
		{section: s, promise: "an exchange that only subscribes with since is held until there is something", run: (*probe).heldUntil},
		{section: s, promise: "an exchange in which nothing happens is answered with []", run: (*probe).heldToEnd, idle: true},
		{section: s, promise: "whatever asks for more is answered at once", run: (*probe).atOnce},
		{section: s, promise: "a frame that fails is answered at once", run: (*probe).failsAtOnce},
		{section: s, promise: "a since that can't be served is answered at once", run: (*probe).lostAtOnce},
		{section: s, promise: "a second exchange by the same client is served while one is held", run: (*probe).secondExchange},
		{section: s, promise: "an exchange is answered by what happens in any of its channels", run: (*probe).severalChannels},
		{section: s, promise: "it carries no state: an answer that was lost is asked for again", run: (*probe).noState},
		{section: s, promise: "one's own messages are left out, and what follows them is not", run: (*probe).ownInExchange},
		{section: s, promise: "echo asks for one's own messages", run: (*probe).echoInExchange},
		{section: s, promise: "history comes with the answer", run: (*probe).historyInExchange},
		{section: s, promise: "a channel twice in one exchange is refused with bad_frame", run: (*probe).channelTwice},
		{section: s, promise: "hello is the first frame only", run: (*probe).helloAgain},
		{section: s, promise: "frames are carried out in their order", run: (*probe).exchangeOrder},
		{section: s, promise: "256 frames are taken, and 257 refused with 400", run: (*probe).manyFrames},
		{section: s, promise: "a body beyond four times max_message and 128 KiB is refused with 413", run: (*probe).largeBody},
		{section: s, promise: "a compressed body is refused with 415", run: (*probe).compressed},
		{section: s, promise: "channels beyond the bound are refused with too_many_channels", run: (*probe).manyChannelsInExchange},
		{section: s, promise: "answers carry Content-Length and Cache-Control: no-store, no-transform", run: (*probe).answerHeaders},
		{section: s, promise: "answers carry X-Accel-Buffering: no", run: (*probe).accelHeader},
	}
}

func (p *probe) noArray() {
	for _, body := range []string{"", "hello", `{"op":"ping"}`, `[{"op":"ping"}`, "null", `[{"op":"ping"}] x`, "[\"\xff\"]"} {
		a := p.do("somebody", request{method: http.MethodPost, body: body}.asJSON())
		p.wantError(a, http.StatusBadRequest, "bad_frame")
	}
}

func (p *probe) alwaysOK() {
	frames := p.exchange(p.id("alice"), obj{"op": "subscribe", "ref": 1, "channel": " "}, obj{"op": "conformance", "ref": 2}, `[]`, `null`, `{}`)
	if errs := only(frames, "error"); len(errs) != 5 || errs[0].str("code") != "bad_channel" || errs[1].str("code") != "unknown_op" || errs[4].str("code") != "bad_frame" {
		p.Failf("%s, want five errors: bad_channel, unknown_op, bad_frame", texts(frames))
	}
}

// wantAlone wants an answer to be one error, and a message of the exchange not
// to have been sent.
func (p *probe) wantAlone(r request, code, channel string, alice *socket) {
	frames := p.frames(p.do("somebody", r))
	if len(frames) != 1 || frames[0].Op != "error" || frames[0].str("code") != code {
		p.Failf("%s, want an error %s alone", texts(frames), code)
	}
	bob := p.join("bob")
	bob.send(channel, "taken")
	alice.message("taken")
}

func (p *probe) whoFirst() {
	alice, channel := p.join("alice"), p.channel()
	alice.subscribe(channel, nil)
	send := obj{"op": "send", "ref": 1, "channel": channel, "payload": "not taken"}
	p.wantAlone(p.post("", send), "bad_frame", channel, alice)
	p.wantAlone(p.post(""), "bad_frame", channel, alice)
}

func (p *probe) clientInExchange() {
	alice, channel, id := p.join("alice"), p.channel(), p.id("bob")
	alice.subscribe(channel, nil)
	r := p.post("?clientid="+id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "hi"})
	p.one(p.frames(p.do(id, r)), "sent")
	if f := alice.message("hi"); f.str("from") != id {
		p.Failf("%s, want it from %s", f.Text, id)
	}
}

func (p *probe) badClientExchange() {
	alice, channel := p.join("alice"), p.channel()
	alice.subscribe(channel, nil)
	send := obj{"op": "send", "ref": 1, "channel": channel, "payload": "not taken"}
	p.wantAlone(p.post("", p.hello("a b"), send), "bad_client", channel, alice)
	p.wantAlone(p.post("?clientid=a%20b", send), "bad_client", channel, alice)
}

func (p *probe) bearer() {
	token := p.cfg.Token
	if token == "" {
		token = "conformance" // a server that asks for none ignores it
	}
	r := p.post("", obj{"op": "hello", "clientid": p.id("alice")}, obj{"op": "ping", "ref": 1})
	r.header["Authorization"] = "Bearer " + token
	p.one(p.frames(p.do("alice", r)), "pong")
}

func (p *probe) welcomeAtOnce() {
	id := p.id("alice")
	frames := p.exchange(id, obj{"op": "ping", "ref": 1})
	if f := p.one(frames, "welcome"); f.str("clientid") != id || frames[0].Op != "welcome" {
		p.Failf("%s, want the welcome of %s first", texts(frames), id)
	}
}

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

func (p *probe) channelTwice() {
	channel := p.channel()
	frames := p.exchange(p.id("alice"), obj{"op": "subscribe", "ref": 1, "channel": channel}, obj{"op": "subscribe", "ref": 2, "channel": channel})
	p.one(frames, "subscribed")
	if f := p.one(frames, "error"); f.str("code") != "bad_frame" || f.num("ref") != 2 {
		p.Failf("%s, want bad_frame with the ref 2", f.Text)
	}
}

func (p *probe) helloAgain() {
	frames := p.exchange(p.id("alice"), obj{"op": "ping", "ref": 1}, obj{"op": "hello", "clientid": p.id("bob")})
	if f := p.one(frames, "error"); f.str("code") != "bad_frame" {
		p.Failf("%s, want bad_frame", f.Text)
	}
}

func (p *probe) exchangeOrder() {
	channel, id := p.channel(), p.id("alice")
	alice := p.join("bob")
	alice.subscribe(channel, nil)
	var frames []any
	for i := range 10 {
		frames = append(frames, obj{"op": "send", "ref": i, "channel": channel, "payload": fmt.Sprint(i)})
	}
	sent := only(p.exchange(id, frames...), "sent")
	for i := range 10 {
		if len(sent) != 10 || sent[i].num("ref") != i {
			p.Failf("%s, want ten acknowledgements in order", texts(sent))
		}
		alice.message(fmt.Sprint(i))
	}
}

func (p *probe) manyFrames() {
	id := p.id("alice")
	pings := make([]any, 255)
	for i := range pings {
		pings[i] = obj{"op": "ping", "ref": i}
	}
	if pongs := only(p.exchange(id, pings...), "pong"); len(pongs) != len(pings) {
		p.Failf("%d pongs, want %d", len(pongs), len(pings))
	}
	all := append([]any{p.hello(id)}, append(pings, obj{"op": "ping"})...)
	p.wantError(p.do(id, p.post("", all...)), http.StatusBadRequest, "bad_frame")
}

func (p *probe) largeBody() {
	id := p.id("alice")
	most := 4*p.maxMessage + 128<<10
	r := p.post("", p.hello(id), obj{"op": "ping", "ref": 1})
	r.body += strings.Repeat(" ", most-len(r.body))
	p.one(p.frames(p.do(id, r)), "pong")
	r.body += " "
	p.wantError(p.do(id, r), http.StatusRequestEntityTooLarge, "too_large")
}

func (p *probe) compressed() {
	r := p.post("", p.hello(p.id("alice")))
	r.header["Content-Encoding"] = "gzip"
	p.wantError(p.do("alice", r), http.StatusUnsupportedMediaType, "bad_frame")
}

func (p *probe) manyChannelsInExchange() {
	channel := p.channel()
	var frames []any
	for i := range usualChannels + 1 {
		frames = append(frames, obj{"op": "subscribe", "ref": i, "channel": fmt.Sprint(channel, "-", i)})
	}
	answer := p.exchange(p.id("alice"), frames...)
	refused := only(answer, "error")
	if len(refused) == 0 && len(only(answer, "subscribed")) == len(frames) {
		p.Skipf("the bound is more than %d", usualChannels)
	}
	if len(refused) == 0 || refused[0].str("code") != "too_many_channels" {
		p.Failf("%.300s, want too_many_channels", texts(refused))
	}
}

func (p *probe) answerHeaders() {
	id := p.id("alice")
	for _, r := range []request{p.post("", p.hello(id), obj{"op": "ping"}), {query: seedQuery(p.channel(), id)}} {
		a := p.do(id, r)
		if got := a.header.Get("Content-Length"); got != strconv.Itoa(len(a.body)) {
			p.Failf("Content-Length is %q, want %d", got, len(a.body))
		}
		list := "," + strings.ReplaceAll(strings.Join(a.header.Values("Cache-Control"), ","), " ", "") + ","
		for _, want := range []string{"no-store", "no-transform"} {
			if !strings.Contains(list, ","+want+",") {
				p.Failf("Cache-Control is %q, want no-store, no-transform", a.header.Values("Cache-Control"))
			}
		}
	}
}

func (p *probe) accelHeader() {
	id := p.id("alice")
	a := p.do(id, p.post("", p.hello(id), obj{"op": "ping"}))
	if got := a.header.Get("X-Accel-Buffering"); got != "no" {
		if strings.Contains(a.header.Get("Server"), "nginx") {
			p.Skipf("nginx is in between, and keeps it for itself")
		}
		p.Failf("X-Accel-Buffering is %q, want no", got)
	}
}
