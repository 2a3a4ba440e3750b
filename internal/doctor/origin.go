package doctor

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/commchannel/gateway/protocol"
)

// allowOrigin is the answer's header that lets a page read it.
const allowOrigin = "Access-Control-Allow-Origin"

// origins asks as pages of several sites would.
func (x *exam) origins(ctx context.Context) {
	if !x.works[longPollWay] {
		for _, id := range []ID{Host, Origin, ForeignOrigin} {
			x.skip(id, "exchanges are not answered")
		}
	} else {
		x.askAsOwn(ctx)
		x.askAsGiven(ctx)
		x.askAsForeign(ctx)
	}
	x.openAsGiven(ctx)
}

func (x *exam) askFrom(ctx context.Context, origin string) answer {
	a, _ := x.exchange(ctx, x.name, origin, 0, protocol.ClientFrame{Op: protocol.OpPing})
	return a
}

// askAsOwn is a page that came from the URL's own host.
func (x *exam) askAsOwn(ctx context.Context) {
	switch a := x.askFrom(ctx, x.ownOrigin()); {
	case a.err == nil && a.status == http.StatusOK:
		x.ok(Host, "pages of %s get in", x.ownOrigin())
	case a.refusal() != nil:
		x.fail(Host, fmt.Sprintf("have the proxy pass the name on with its port (nginx: proxy_set_header Host $http_host;), or start the gateway with --origin %s", x.ownOrigin()),
			"pages of %s do not get in: HTTP %d, %s", x.ownOrigin(), a.status, quote(a.refusal().Message))
	default:
		f := x.mistaken(a)
		x.fail(Host, f.change, "a POST with the Origin %s does not get through: %s", x.ownOrigin(), f.text)
	}
}

// askAsGiven is a page of --origin.
func (x *exam) askAsGiven(ctx context.Context) {
	if x.o.Origin == "" {
		x.skip(Origin, "no --origin to look at")
		return
	}
	allow := "start the gateway with --origin " + x.o.Origin
	a := x.askFrom(ctx, x.o.Origin)
	if a.err != nil || a.status != http.StatusOK {
		f := x.mistaken(a)
		if e := a.refusal(); e != nil && e.Code == protocol.CodeForbidden {
			f.change = allow
		}
		x.fail(Origin, f.change, "pages of %s do not get in: %s", x.o.Origin, f.text)
		return
	}
	if x.o.Origin == x.ownOrigin() {
		x.ok(Origin, "pages of %s get in; they are of the URL's own host, and need no preflight", x.o.Origin)
		return
	}
	preflight := x.ask(ctx, request{method: http.MethodOptions, origin: x.o.Origin, header: http.Header{
		"Access-Control-Request-Method":  {http.MethodPost},
		"Access-Control-Request-Headers": {"content-type"},
	}})
	for _, f := range []finding{judgeAllowed("the POST", a, x.o.Origin), judgePreflight(preflight, x.o.Origin)} {
		if f.status != OK {
			x.find(Origin, f)
			return
		}
	}
	x.ok(Origin, "pages of %s get in, their preflights, too", x.o.Origin)
}

// judgeAllowed looks at whether a browser would give the answer to the page.
func judgeAllowed(what string, a answer, origin string) finding {
	const leave = "the gateway writes it alone: have the proxy neither remove nor add any (nginx: no add_header or proxy_hide_header of Access-Control-*)"
	switch values := a.header.Values(allowOrigin); {
	case len(values) == 0:
		return finding{Fail, fmt.Sprintf("browsers keep the answer to %s from pages of %s: no %s comes", what, origin, allowOrigin), leave + "; and it has to pass Origin on"}
	case len(values) > 1 || strings.Contains(values[0], ","):
		return finding{Fail, fmt.Sprintf("browsers refuse the answer to %s: %s comes more than once, as %s", what, allowOrigin, quote(strings.Join(values, " and "))), leave}
	case values[0] != origin && values[0] != "*":
		return finding{Fail, fmt.Sprintf("browsers keep the answer to %s from pages of %s: %s is %s", what, origin, allowOrigin, quote(values[0])), leave}
	}
	return finding{status: OK}
}

func judgePreflight(a answer, origin string) finding {
	const pass = "have the proxy pass OPTIONS on to the gateway, which answers it"
	switch {
	case a.err != nil:
		return finding{Fail, "preflights (OPTIONS) get no answer: " + explain(a.err), pass}
	case a.status < 200 || a.status > 299:
		return finding{Fail, fmt.Sprintf("preflights (OPTIONS) are refused: HTTP %d%s", a.status, a.by()), pass}
	}
	if f := judgeAllowed("the preflight", a, origin); f.status != OK {
		return f
	}
	list := func(name string) []string { return a.header.Values(name) }
	if !hasDirective(list("Access-Control-Allow-Methods"), http.MethodPost) || !hasDirective(list("Access-Control-Allow-Headers"), "Content-Type") {
		return finding{Fail, "the answer to the preflight allows no POST of JSON", pass}
	}
	return finding{status: OK}
}

// askAsForeign is a page that is nowhere: its name is reserved for that.
func (x *exam) askAsForeign(ctx context.Context) {
	origin := "https://" + strings.ToLower(x.name) + ".invalid"
	a := x.askFrom(ctx, origin)
	switch e := a.refusal(); {
	case e != nil && e.Code == protocol.CodeForbidden:
		x.ok(ForeignOrigin, "pages of other origins are refused")
	case a.err != nil || a.status != http.StatusOK:
		x.ok(ForeignOrigin, "pages of other origins do not get through: %s", x.mistaken(a).text)
	case slices.Contains(a.header.Values(allowOrigin), origin):
		x.warn(ForeignOrigin, "unless that is what you want, name your pages' origins instead of --origin '*'", "pages of every site there is get in")
	default:
		x.fail(ForeignOrigin, "have the proxy pass Origin on, and its answer back, as they are (nginx: no proxy_set_header Origin)",
			"the Origin of a page does not reach the gateway: pages of every site get in")
	}
}

// openAsGiven opens a WebSocket as a page of --origin.
func (x *exam) openAsGiven(ctx context.Context) {
	if x.o.Origin == "" {
		x.skip(OriginWebSocket, "no --origin to look at")
		return
	}
	s, a := x.dial(ctx, x.o.Origin)
	if s != nil {
		s.end()
		x.okIn(OriginWebSocket, a.took, "pages of %s get in, opened", x.o.Origin)
		return
	}
	f := x.blocked(a)
	if e := a.refusal(); e != nil && e.Code == protocol.CodeForbidden {
		f.change = "start the gateway with --origin " + x.o.Origin
	}
	x.fail(OriginWebSocket, f.change, "pages of %s do not get in: %s", x.o.Origin, f.text)
}
