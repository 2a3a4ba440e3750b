package servers

import (
	"net/http"
	"net/netip"
)

func accessChecks() []check {
	const s = "Who may do what"
	return []check{
		{section: s, promise: "the channel of another address is not readable, over any transport",
			says: "is readable from that address alone, over every transport",
			run:  (*probe).foreignAddress},
		{section: s, promise: "anybody may send to the channel of an address",
			says: "Anybody may send to it.",
			run:  (*probe).sendToAddress},
		{section: s, promise: "the channel of one's own address is readable",
			says: "is readable from that address alone, over every transport",
			run:  (*probe).ownAddress},
		{section: s, promise: "a page of another origin does not get in",
			says: "A page of another origin than the gateway's own gets in only if its origin was allowed, on every kind of request; else status 403 with forbidden.",
			run:  (*probe).foreignOrigin},
		{section: s, promise: "a server that knows its names refuses others",
			says: "A gateway that knows its names refuses requests that call it by another one, with status 403 and forbidden.",
			run:  (*probe).foreignHost},
	}
}

// foreign are channels of addresses that are nobody's: they are for examples.
func (p *probe) foreign() []string {
	return []string{"192.0.2.7_" + p.unique(), "2001:db8::7_" + p.unique()}
}

func (p *probe) foreignAddress() {
	s, id := p.join("alice"), p.id("bob")
	for _, channel := range p.foreign() {
		for _, op := range []string{"subscribe", "presence"} {
			s.refused(obj{"op": op, "channel": channel}, "forbidden")
			frames := p.exchange(id, obj{"op": op, "ref": 1, "channel": channel})
			if f := p.one(frames, "error"); f.str("code") != "forbidden" {
				p.Failf("%s, want forbidden", f.Text)
			}
		}
		a := p.do(id, request{query: seedQuery(channel, id)})
		if a.status != http.StatusForbidden || a.body != `{"err":"Unauthorised client"}` {
			p.Failf(`status %d and %s, want 403 and {"err":"Unauthorised client"}`, a.status, a.body)
		}
	}
}

func (p *probe) sendToAddress() {
	s, id := p.join("alice"), p.id("bob")
	for _, channel := range p.foreign() {
		s.send(channel, "hi")
		p.one(p.exchange(id, obj{"op": "send", "ref": 1, "channel": channel, "payload": "hi"}), "sent")
		p.postText(id, channel, `{"type":"msg","payload":"hi"}`)
	}
}

func (p *probe) ownAddress() {
	addr := p.do("alice", request{query: "?getIP"}).body
	if _, err := netip.ParseAddr(addr); err != nil {
		p.Failf("getIP: %q is no address", addr)
	}
	alice, bob, channel := p.join("alice"), p.join("bob"), addr+"_"+p.unique()
	alice.subscribe(channel, nil)
	bob.send(channel, "hi")
	alice.message("hi")
	p.pollNothing(p.id("4711"), channel, "")
}

const foreignOrigin = "https://conformance.invalid"

func (p *probe) foreignOrigin() {
	id := p.id("alice")
	from := map[string]string{"Origin": foreignOrigin}
	a := p.do(id, request{query: "?getIP", header: from})
	if a.status == http.StatusOK && a.header.Get("Access-Control-Allow-Origin") == foreignOrigin {
		p.Skipf("pages of all origins are allowed here")
	}
	p.wantError(a, http.StatusForbidden, "forbidden")
	exchange := p.post("", p.hello(id), obj{"op": "ping"})
	exchange.header["Origin"] = foreignOrigin
	send := seedSend(id, p.channel(), `{}`)
	send.header["Origin"] = foreignOrigin
	for _, r := range []request{{query: seedQuery(p.channel(), id), header: from}, exchange, send} {
		p.wantError(p.do(id, r), http.StatusForbidden, "forbidden")
	}
	p.wantError(p.upgrade("?clientid="+id, http.Header{"Origin": {foreignOrigin}}), http.StatusForbidden, "forbidden")
}

func (p *probe) foreignHost() {
	a := p.do("somebody", request{query: "?getIP", header: map[string]string{"Host": "conformance.invalid"}})
	if a.status == http.StatusOK {
		p.Skipf("the server takes any name")
	}
	p.wantError(a, http.StatusForbidden, "forbidden")
	p.wantError(p.upgrade("?clientid="+p.id("alice"), http.Header{"Host": {"conformance.invalid"}}), http.StatusForbidden, "forbidden")
}
