package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/commchannel/gateway/protocol"
)

// identify finds out what answers at the URL. It reports whether that is a
// gateway.
func (x *exam) identify(ctx context.Context) bool {
	a, frames := x.exchange(ctx, x.name, "", 0, protocol.ClientFrame{Op: protocol.OpPing, Ref: protocol.NewRef(1)})
	x.first = a
	for _, f := range frames {
		if f.Op == protocol.OpWelcome {
			x.welcome = f
		}
	}
	switch {
	case x.welcome.Op != "":
		x.works[longPollWay] = true
		x.ok(Gateway, "a gateway, protocol %d; pings every %d s, messages of up to %d KiB", x.welcome.Version, x.welcome.Ping, x.welcome.MaxMessage>>10)
		x.judgeExchange(a)
		return true
	case a.refusal() == nil && x.saysItIsGateway(ctx):
		f := x.mistaken(a)
		x.ok(Gateway, "a gateway, but it is not reached by POST")
		x.fail(LongPoll, f.change, "%s", f.text)
		return true
	}
	x.find(Gateway, x.impostor(a))
	return false
}

func (x *exam) judgeExchange(a answer) {
	if a.took > lateAfter {
		x.warn(LongPoll, "look for what holds requests or answers back on the way, such as a scanner; or for a machine without any time left",
			"answered, but only after %s", brief(a.took))
		return
	}
	x.okIn(LongPoll, a.took, "answered")
}

// saysItIsGateway asks for nothing at all, to which a gateway has words of its
// own.
func (x *exam) saysItIsGateway(ctx context.Context) bool {
	a := x.ask(ctx, request{method: http.MethodGet})
	e := a.refusal()
	return e != nil && e.Code == protocol.CodeBadFrame && a.status == http.StatusUpgradeRequired
}

// impostor tells who has answered an exchange instead of a gateway.
func (x *exam) impostor(exchanged answer) finding {
	_, err := netip.ParseAddr(strings.TrimSpace(string(x.address.body)))
	isAddress := x.address.status == http.StatusOK && err == nil
	switch {
	case exchanged.refusal() == nil && isAddress:
		return finding{Fail, "the original library's script answers here, not the gateway: it tells the client's address, and knows no frames",
			"point this location of the web server at the gateway (nginx: proxy_pass)"}
	case exchanged.refusal() == nil && x.address.status == http.StatusOK:
		return x.mistaken(x.address)
	}
	return x.mistaken(exchanged)
}

// tryPoll polls as a page of the original library does for the first time.
func (x *exam) tryPoll(ctx context.Context) {
	x.polled = x.poll(ctx, x.channel, x.name, answerIn)
	var texts []string
	switch a := x.polled; {
	case a.err != nil || a.status != http.StatusOK:
		f := x.mistaken(a)
		x.find(Poll, f)
	case json.Unmarshal(a.body, &texts) != nil:
		x.fail(Poll, "look for what answers GET at this location instead, such as a cache", "something else than the gateway answers: %s", quote(string(a.body)))
	default:
		x.works[pollWay] = true
		x.okIn(Poll, a.took, "answered")
	}
}

func pollQuery(channel, client string) string {
	return fmt.Sprintf("channelid=%s&clientid=%s", channel, client)
}

// judgeHeaders looks at what the gateway wrote into two kinds of answers, and
// what has come of it.
func (x *exam) judgeHeaders() {
	all := []finding{{status: Skipped, text: "there is no answer to look at"}}
	if x.works[longPollWay] {
		all = append(all, headerFindings("long-poll", x.first.header)...)
	}
	if x.works[pollWay] {
		all = append(all, headerFindings("polling", x.polled.header)...)
	}
	f := worst(all)
	if f.status == OK {
		f.text = "answers come as the gateway writes them" // each kind of them
	}
	x.find(Headers, f)
}

// headerFindings has at least one finding.
func headerFindings(of string, h http.Header) (found []finding) {
	add := func(s Status, change, format string, args ...any) {
		found = append(found, finding{s, of + ": " + fmt.Sprintf(format, args...), change})
	}
	cache := h.Values("Cache-Control")
	if !hasDirective(cache, "no-store") {
		add(Fail, "have the proxy leave Cache-Control as it is (nginx: no proxy_hide_header, add_header or expires for this location): browsers and caches may answer a poll from what they keep",
			"Cache-Control comes as %q, and was sent as \"no-store, no-transform\"", strings.Join(cache, ", "))
	} else if !hasDirective(cache, "no-transform") {
		add(Warn, "have the proxy leave Cache-Control as it is: networks may compress or change what comes", "Cache-Control comes without no-transform, as %q", strings.Join(cache, ", "))
	}
	if coding := h.Get("Content-Encoding"); coding != "" {
		add(Warn, "switch compression off for this location (nginx: gzip off;): it costs time for small answers, and may hold them back", "something on the way compresses answers (%s)", quote(coding))
	}
	if age := h.Get("Age"); age != "" {
		add(Fail, "switch the cache off for this location", "a cache on the way has answered, with an Age of %s", quote(age))
	}
	if h.Get("X-Content-Type-Options") != "nosniff" {
		add(Warn, "have the proxy pass X-Content-Type-Options on: messages could be taken for pages", "X-Content-Type-Options is gone")
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		add(Warn, "have the proxy leave Content-Type as it is", "Content-Type comes as %q", h.Get("Content-Type"))
	}
	if found == nil {
		add(OK, "", "as the gateway writes them")
	}
	return found
}

func hasDirective(values []string, directive string) bool {
	return slices.ContainsFunc(values, func(v string) bool {
		for d := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(d), directive) {
				return true
			}
		}
		return false
	})
}
