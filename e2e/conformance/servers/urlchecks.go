package servers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

func urlChecks() []check {
	const s = "One URL"
	return []check{
		{section: s, promise: "a GET with Upgrade: websocket opens a WebSocket",
			says: "a WebSocket: one frame per text message, both ways",
			run:  (*probe).urlWebSocket},
		{section: s, promise: "a POST of JSON without channelid is an exchange",
			says: "a long-poll exchange: a JSON array of client frames in, a JSON array of server frames out",
			run:  (*probe).urlExchange},
		{section: s, promise: "GET ?channelid=&clientid= is a poll of the seed",
			says: "a poll by a client of the seed",
			run:  (*probe).urlPoll},
		{section: s, promise: "POST ?channelid=&clientid= is a send of the seed",
			says: "a send by a client of the seed; the body is the message",
			run:  (*probe).urlSend},
		{section: s, promise: "GET ?getIP answers the client's address as text",
			says: "the client's address, as the gateway sees it, as text",
			run:  (*probe).urlAddress},
		{section: s, promise: "a GET that asks for nothing is answered with 426",
			says: `An HTTP error is a status of 400, 401, 403, 404, 405, 408, 413, 415, 426, 429, 500 or 503 and a JSON body {"code":"...","message":"..."}`,
			run:  (*probe).urlBareGet},
		{section: s, promise: "a WebSocket without its Upgrade is answered with 426",
			says: "426 for a WebSocket without its Upgrade",
			run:  (*probe).urlNoUpgrade},
		{section: s, promise: "other methods are answered with 405",
			says: "405 for a method",
			run:  (*probe).urlMethods},
		{section: s, promise: "an exchange of another content type is answered with 415",
			says: "415 for a content type",
			run:  (*probe).urlContentType},
		{section: s, promise: "a path that is not served is answered with 404",
			says: "404 for a path that is not served",
			run:  (*probe).urlPath},
		{section: s, promise: "a body that does not come in time is answered with 408",
			says: "408 for a body that did not come in time",
			run:  (*probe).urlSlowBody, idle: true},
		{section: s, promise: "channelid without clientid is answered with 400",
			says: "HTTP requests that are none of the protocol's have the code bad_frame",
			run:  (*probe).urlNoClient},
	}
}

func (p *probe) urlWebSocket() { p.join("alice") }

func (p *probe) urlExchange() {
	a := p.do("alice", p.post("", p.hello(p.id("alice")), obj{"op": "ping", "ref": 1}))
	p.one(p.frames(a), "pong")
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		p.Failf("content type %q, want application/json", got)
	}
}

// seedQuery is the query of a client of the seed.
func seedQuery(channel, id string) string { return "?channelid=" + channel + "&clientid=" + id }

func (p *probe) urlPoll() { p.pollNothing("4711", p.channel(), "") }

func (p *probe) urlSend() {
	p.postText("4711", p.channel(), `{"type":"msg","payload":"hi","from":4711}`)
}

func (p *probe) urlAddress() {
	a := p.do("4711", request{query: "?getIP"})
	if _, err := netip.ParseAddr(a.body); err != nil || a.status != http.StatusOK {
		p.Failf("status %d, %q; want 200 and an address", a.status, a.body)
	}
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
		p.Failf("content type %q, want text/plain", got)
	}
}

func (p *probe) urlBareGet() {
	p.wantError(p.do("somebody", request{}), http.StatusUpgradeRequired, "bad_frame")
}

func (p *probe) urlNoUpgrade() {
	p.wantError(p.upgrade("", http.Header{"Upgrade": nil}), http.StatusUpgradeRequired, "bad_frame")
}

func (p *probe) urlMethods() {
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
		p.wantError(p.do("somebody", request{method: method, body: "[]"}.asJSON()), http.StatusMethodNotAllowed, "bad_frame")
	}
}

func (p *probe) urlContentType() {
	for _, typ := range []string{"text/plain", "application/x-www-form-urlencoded"} {
		r := p.post("", p.hello(p.id("alice")))
		r.header["Content-Type"] = typ
		p.wantError(p.do("somebody", r), http.StatusUnsupportedMediaType, "bad_frame")
	}
}

func (p *probe) urlPath() {
	p.wantError(p.do("somebody", request{path: "/" + p.unique()}), http.StatusNotFound, "bad_frame")
}

// urlSlowBody announces a body and never sends it.
func (p *probe) urlSlowBody() {
	u, err := url.Parse(p.url)
	if err != nil {
		p.Failf("%v", err)
	}
	nc, err := wire.Connect(p.Context(), u)
	if err != nil {
		p.Failf("%v", err)
	}
	p.Cleanup(func() { nc.Close() })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n", u.RequestURI(), u.Host)
	p.Frame("somebody", "->", "POST with Content-Length: 100 and no body")
	if _, err := io.WriteString(nc, head); err != nil {
		p.Failf("%v", err)
	}
	nc.SetReadDeadline(time.Now().Add(longestHold))
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.Skipf("the server waits for longer than %v", longestHold)
	}
	if err != nil {
		p.Failf("no answer: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		p.Failf("%v", err)
	}
	p.Frame("somebody", "<-", fmt.Sprintf("%d %s", resp.StatusCode, body))
	p.wantError(answer{resp.StatusCode, resp.Header, string(body)}, http.StatusRequestTimeout, "bad_frame")
}

func (p *probe) urlNoClient() {
	query := "?channelid=" + p.channel()
	p.wantError(p.do("4711", request{query: query}), http.StatusBadRequest, "bad_frame")
	p.wantError(p.do("4711", request{method: http.MethodPost, query: query, body: "{}"}.asJSON()), http.StatusBadRequest, "bad_frame")
}
