package servers

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func longPollChecks() []check {
	const s = "Long-poll"
	return []check{
		{section: s, promise: "a body that is no array of frames is answered with 400",
			says: "Only a body that can't be read as such an array is answered with an HTTP error",
			run:  (*probe).noArray},
		{section: s, promise: "the status is 200, whatever the frames were about",
			says: "answered by a JSON array of server frames with status 200, whatever the frames were about",
			run:  (*probe).alwaysOK},
		{section: s, promise: "without hello and clientid, the answer is an error alone and nothing is done",
			says: "With neither, or with a client id that can't be, the answer is an error alone, and no other frame is carried out.",
			run:  (*probe).whoFirst},
		{section: s, promise: "?clientid= on the URL stands for hello",
			says: "hello is the array's first frame; ?clientid= on the URL stands for it.",
			run:  (*probe).clientInExchange},
		{section: s, promise: "a client id that can't be: an error alone, and nothing is done",
			says: "With neither, or with a client id that can't be, the answer is an error alone, and no other frame is carried out.",
			run:  (*probe).badClientExchange},
		{section: s, promise: "the token may be in Authorization",
			says: "The token is in hello or in Authorization: Bearer <token>.",
			run:  (*probe).bearer},
		{section: s, promise: "welcome is part of answers given at once",
			says: "it is part of answers that are given at once",
			run:  (*probe).welcomeAtOnce},
		{section: s, promise: "an exchange that only subscribes with since is held until there is something",
			says: "An exchange that only subscribes with since is held until there is something to tell",
			run:  (*probe).heldUntil},
		{section: s, promise: "an exchange in which nothing happens is answered with []",
			says: "then the answer is []",
			run:  (*probe).heldToEnd, idle: true},
		{section: s, promise: "whatever asks for more is answered at once",
			says: "It is answered at once if it holds anything else: a subscribe without since, a send, an unsubscribe, a presence or a ping",
			run:  (*probe).atOnce},
		{section: s, promise: "a frame that fails is answered at once",
			says: "if any of its frames fails",
			run:  (*probe).failsAtOnce},
		{section: s, promise: "a since that can't be served is answered at once",
			says: "and if not all that came after a since can be had",
			run:  (*probe).lostAtOnce},
		{section: s, promise: "a second exchange by the same client is served while one is held",
			says: "A second exchange by the same client is served, too: sends need not wait for the held one.",
			run:  (*probe).secondExchange},
		{section: s, promise: "an exchange is answered by what happens in any of its channels",
			says: "All subscriptions of a page go into one exchange.",
			run:  (*probe).severalChannels},
		{section: s, promise: "it carries no state: an answer that was lost is asked for again",
			says: "It carries no state but its cursors: any node may serve the next one, and an answer that was lost is asked for again.",
			run:  (*probe).noState},
		{section: s, promise: "one's own messages are left out, and what follows them is not",
			says: "It is ahead of since where one's own messages were left out in between",
			run:  (*probe).ownInExchange},
		{section: s, promise: "echo asks for one's own messages",
			says: `"echo":true asks for one's own messages, too.`,
			run:  (*probe).echoInExchange},
		{section: s, promise: "history comes with the answer",
			says: "after history, messages from before that end follow",
			run:  (*probe).historyInExchange},
	}
}

// exchangeChecks are those of exchanges that are not held.
func exchangeChecks() []check {
	const s = "Long-poll"
	return []check{
		{section: s, promise: "a channel twice in one exchange is refused with bad_frame",
			says: "Each exchange names its channels anew, once each",
			run:  (*probe).channelTwice},
		{section: s, promise: "hello is the first frame only",
			says: "hello is the array's first frame",
			run:  (*probe).helloAgain},
		{section: s, promise: "frames are carried out in their order",
			says: "a JSON array of client frames in, a JSON array of server frames out",
			run:  (*probe).exchangeOrder},
		{section: s, promise: "256 frames are taken, and 257 refused with 400",
			says: "and 256 frames; it may not be compressed",
			run:  (*probe).manyFrames},
		{section: s, promise: "a body beyond four times max_message and 128 KiB is refused with 413",
			says: "A body has at most four times max_message and 128 KiB",
			run:  (*probe).largeBody},
		{section: s, promise: "a compressed body is refused with 415",
			says: "it may not be compressed",
			run:  (*probe).compressed},
		{section: s, promise: "channels beyond the bound are refused with too_many_channels",
			says: "At most 64 channels go into one exchange.",
			run:  (*probe).manyChannelsInExchange},
		{section: s, promise: "answers carry Content-Length and Cache-Control: no-store, no-transform",
			says: "Answers carry Content-Length, Cache-Control: no-store, no-transform and X-Accel-Buffering: no.",
			run:  (*probe).answerHeaders},
		{section: s, promise: "answers carry X-Accel-Buffering: no",
			says: "Answers carry Content-Length, Cache-Control: no-store, no-transform and X-Accel-Buffering: no.",
			run:  (*probe).accelHeader},
		{section: s, promise: "nesting too deep and half a surrogate pair are the fault of their frame, and the others are carried out",
			says: "All other faults are those of their frame, nesting that is too deep and half a surrogate pair among them.",
			run:  (*probe).faultyAmongOthers},
		{section: s, promise: "one's own messages do not end the wait",
			says: "One's own messages, where they are left out, do not end the wait",
			run:  (*probe).ownWhileHeld},
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

func (p *probe) faultyAmongOthers() {
	alice, id, channel := p.join("alice"), p.id("bob"), p.channel()
	alice.subscribe(channel, nil)
	for _, fault := range faulty() {
		frames := p.exchange(id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "before"}, `{"op":"ping","ref":2,`+fault+`}`,
			obj{"op": "send", "ref": 3, "channel": channel, "payload": "behind"})
		if f := p.one(frames, "error"); f.str("code") != "bad_frame" || f.num("ref") != 2 {
			p.Failf("%s, want bad_frame with the ref 2", f.Text)
		}
		if sent := only(frames, "sent"); len(sent) != 2 {
			p.Failf("%s, want two acknowledgements", texts(frames))
		}
		alice.message("before")
		alice.message("behind")
	}
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
