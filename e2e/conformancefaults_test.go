package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/e2e/conformance/servers"
	"github.com/commchannel/gateway/e2e/conformance/trial"
	"github.com/commchannel/gateway/e2e/conformance/wire"
)

// A breachCase is a breach, and the promises that are broken by it, each by a
// piece of its line that no other line has.
type breachCase struct {
	name string
	breach
	breaks []string
	all    bool // all promises are looked at, and these must be among the broken ones
}

// nth changes only the n-th text message of an op on each WebSocket.
func nth(n int, op string, change func(string) []string) func() mutator {
	return func() mutator {
		seen := 0
		return textMutator(func(text string) []string {
			if strings.Contains(text, `"op":"`+op+`"`) {
				if seen++; seen == n {
					return change(text)
				}
			}
			return []string{text}
		})
	}
}

// swapped has the first message of an op come behind the frame that follows it.
func swapped(op string) func() mutator {
	return func() mutator {
		kept := ""
		return textMutator(func(text string) []string {
			switch {
			case kept == "" && strings.Contains(text, `"op":"`+op+`"`):
				kept = text
				return nil
			case kept != "" && kept != "-":
				first := kept
				kept = "-"
				return []string{text, first}
			}
			return []string{text}
		})
	}
}

func none(string) []string       { return nil }
func twice(text string) []string { return []string{text, text} }

// insteadOf is regexp's ReplaceAllString for texts and bodies.
func insteadOf(pattern, by string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(text string) string { return re.ReplaceAllString(text, by) }
}

// changed has f change each text.
func changed(f func(string) string) func() mutator {
	return eachText(func(text string) []string { return []string{f(text)} })
}

// bodies has f change each body of HTTP that a client posts.
func bodies(f func(string) string) func(*http.Request, []byte) []byte {
	return func(_ *http.Request, body []byte) []byte { return []byte(f(string(body))) }
}

// answers has f change each answer of HTTP.
func answers(f func(string) string) func(*http.Response, []byte) []byte {
	return func(_ *http.Response, body []byte) []byte { return []byte(f(string(body))) }
}

// someFrames has f change the frames of WebSockets that pick takes.
func someFrames(pick func(wire.Frame) bool, f func(wire.Frame) []wire.Frame) func() mutator {
	return func() mutator {
		return func(frame wire.Frame) []wire.Frame {
			if pick(frame) {
				return f(frame)
			}
			return []wire.Frame{frame}
		}
	}
}

func opcode(op byte) func(wire.Frame) bool { return func(f wire.Frame) bool { return f.Op == op } }

// header has an answer's header be another one; "" takes it away.
func header(name, value string) func(*http.Response, []byte) []byte {
	return func(r *http.Response, body []byte) []byte {
		if r.Header.Del(name); value != "" {
			r.Header.Set(name, value)
		}
		return body
	}
}

// query changes a request's query.
func query(oldNew ...string) func(*http.Request, []byte) []byte {
	return func(r *http.Request, body []byte) []byte {
		r.URL.RawQuery = strings.NewReplacer(oldNew...).Replace(r.URL.RawQuery)
		return body
	}
}

// breaches are what the kit must notice.
func breaches() []breachCase {
	noEcho := insteadOf(`"op":"subscribe"`, `"op":"subscribe","echo":true`)
	everyCode := insteadOf(`"code":"\w+"`, `"code":"conformance"`)
	everyPayload := insteadOf(`"payload":`, `"payload":0,"was":`)
	return []breachCase{
		{name: "all error codes are another one", breach: breach{down: changed(everyCode), answer: answers(everyCode)}, all: true,
			breaks: []string{"channel names that can't be", "unknown op is answered", "other methods are answered with 405"}},
		{name: "payloads are lost", breach: breach{down: changed(everyPayload), answer: answers(everyPayload)}, all: true,
			breaks: []string{"since: everything after", "a cursor stays good", "the channel of one's own address"}},
		{name: "close codes are 1000", breach: breach{down: someFrames(opcode(wire.Close), func(f wire.Frame) []wire.Frame {
			f.Payload = []byte{3, 0xE8}
			return []wire.Frame{f}
		})}, all: true, breaks: []string{"not UTF-8 closes with 1007", "beyond the read limit", "no frame at all within 10", "closed with 4102"}},

		{name: "a message is lost", breach: breach{down: nth(2, "message", none)},
			breaks: []string{"the messages of one connection keep", "the order is the same for all"}},
		{name: "a message comes twice", breach: breach{down: nth(2, "message", twice)},
			breaks: []string{"the messages of one connection keep", "no message comes twice"}},
		{name: "messages change places", breach: breach{down: swapped("message")},
			breaks: []string{"the messages of one connection keep", "the order is the same for all"}},
		{name: "messages have no cursor", breach: breach{down: changed(insteadOf(`("op":"message".*?)"cursor":"[^"]*",`, "$1"))},
			breaks: []string{"a message has one cursor"}},
		{name: "cursors differ by transport", breach: breach{answer: replaceBody(`"cursor":"`, `"cursor":"x`)},
			breaks: []string{"a message has one cursor", "a cursor stays good"}},
		{name: "subscribed comes behind a message", breach: breach{down: swapped("subscribed")},
			breaks: []string{"with history: so many", "subscribed comes before"}},
		{name: "everything is called recovered", breach: breach{down: replace(`"recovered":false`, `"recovered":true`), answer: replaceBody(`"recovered":false`, `"recovered":true`)},
			breaks: []string{"told by recovered false", "can't be served is answered at once"}},
		{name: "nothing is called recovered", breach: breach{down: replace(`"recovered":true`, `"recovered":false`)},
			breaks: []string{"no message comes twice", "after unsubscribe one may", "ahead of since where"}},
		{name: "senders hear themselves", breach: breach{up: changed(noEcho), request: bodies(noEcho)},
			breaks: []string{"the sender does not hear itself, on none", "the sender does not hear itself after", "one's own messages are left out"}},
		{name: "echo is not known", breach: breach{up: replace(`"echo":true`, `"echo":false`), request: bodies(insteadOf(`"echo":true`, `"echo":false`))},
			breaks: []string{"Client frames 7: echo", "Long-poll 17: echo"}},
		{name: "history is one message longer", breach: breach{up: changed(insteadOf(`"history":[1-9]`, `"history":9`)), request: bodies(insteadOf(`"history":[1-9]`, `"history":9`))},
			breaks: []string{"with history: so many", "history comes with"}},
		{name: "since is not known", breach: breach{up: replace(`"since":"`, `"x":"`)},
			breaks: []string{"since: everything after", "since and history exclude", "can't be a cursor"}},
		{name: "message ids are not known", breach: breach{up: replace(`"id":"own-1"`, `"x":"own-1"`), request: bodies(insteadOf(`"id":"own-1"`, `"x":"own-1"`))},
			breaks: []string{"used again within two minutes", "used again over another"}},
		{name: "message ids are the same for all channels", breach: breach{down: nth(3, "message", none)},
			breaks: []string{"Client frames 16: send: without id"}},
		{name: "unsubscribe is only said to be done", breach: breach{up: replace(`"op":"unsubscribe"`, `"op":"ping"`), down: replace(`"op":"pong"`, `"op":"unsubscribed","channel":"x"`)},
			breaks: []string{"no message comes after unsubscribed"}},
		{name: "payloads are written anew", breach: breach{down: replace(`1.0`, `1`, `1e3`, `1000`), answer: replaceBody(`1.0`, `1`, `1e3`, `1000`)},
			breaks: []string{"handed on exactly", "byte for byte", "comes as an envelope"}},
		{name: "types are cut", breach: breach{down: replace("tttt", "t"), up: replace(strings.Repeat("t", 257), "t")},
			breaks: []string{"a type is any text"}},
		{name: "reply_to is lost", breach: breach{down: replace(`"reply_to"`, `"x"`), answer: replaceBody(`,\"reply_to\":\"x-1\"`, "")},
			breaks: []string{"reply_to and the sender are handed", "comes as an envelope"}},
		{name: "another version", breach: breach{down: replace(`"version":1`, `"version":2`)}, breaks: []string{"Server frames 1: welcome"}},
		{name: "pongs don't say what for", breach: breach{down: someFrames(opcode(wire.Pong), func(f wire.Frame) []wire.Frame {
			f.Payload = nil
			return []wire.Frame{f}
		})}, breaks: []string{"a ping is answered with a pong of"}},
		{name: "no pings", breach: breach{down: someFrames(opcode(wire.Ping), func(wire.Frame) []wire.Frame { return nil })},
			breaks: []string{"a ping comes within"}},
		{name: "what is no UTF-8 is mended", breach: breach{up: func() mutator {
			return func(f wire.Frame) []wire.Frame {
				if f.Op == wire.Text && !f.More {
					f.Payload = bytes.ToValidUTF8(f.Payload, []byte("?"))
				}
				return []wire.Frame{f}
			}
		}}, breaks: []string{"not UTF-8 closes with 1007"}},
		{name: "frames are masked for who did not", breach: breach{up: func() mutator {
			return func(f wire.Frame) []wire.Frame {
				f.Masked, f.Rsv = true, 0
				return []wire.Frame{f}
			}
		}}, breaks: []string{"a frame that is not masked"}},
		{name: "fragments are taken for messages", breach: breach{up: func() mutator {
			return func(f wire.Frame) []wire.Frame {
				if f.More = false; f.Op == wire.Continuation {
					f.Op = wire.Text
				}
				return []wire.Frame{f}
			}
		}}, breaks: []string{"in fragments, cut anywhere"}},
		{name: "requests change places", breach: breach{up: swapped("ping")}, breaks: []string{"requests are carried out in their"}},
		{name: "the handshake fails", breach: breach{request: func(r *http.Request, body []byte) []byte {
			r.Header.Set("Sec-Websocket-Version", "12")
			return body
		}}, breaks: []string{"no sub-protocol", "are not compressed", "a GET with Upgrade", "WebSocket 3: ?clientid="}},

		{name: "clients are all welcomed as one", breach: breach{down: changed(insteadOf(`"op":"welcome","clientid":"[^"]*"`, `"op":"welcome","clientid":"one"`))},
			breaks: []string{"may hold 128 bytes, and begin", "given one in welcome", "Server frames 1: welcome"}},
		{name: "pongs have another ref", breach: breach{down: replace(`"op":"pong","ref":`, `"op":"pong","ref":1`)},
			breaks: []string{"white space and", "the last one counts", "unknown fields are", "a ref is any", "ping is answered with pong"}},
		{name: "all subscriptions are called recovered", breach: breach{down: replace(`"op":"subscribed",`, `"op":"subscribed","recovered":true,`)},
			breaks: []string{"an empty text, and 0", "with neither since nor"}},
		{name: "what has no ref is acknowledged", breach: breach{up: replace(`{"op":"ping"}`, `{"op":"ping","ref":99}`)},
			breaks: []string{"a request without ref is not"}},
		{name: "errors have a ref of their own", breach: breach{down: replace(`"op":"error","code"`, `"op":"error","ref":99,"code"`)},
			breaks: []string{"the failure of a request without ref"}},
		{name: "subscribed wants a ref", breach: breach{down: eachText(func(text string) []string {
			if strings.Contains(text, `"op":"subscribed"`) && !strings.Contains(text, `"ref"`) {
				return nil
			}
			return []string{text}
		})}, breaks: []string{"subscribed comes also without"}},
		{name: "presence is not known", breach: breach{up: replace(`"op":"presence"`, `"op":"ping"`)}, breaks: []string{"presence is answered, or"}},
		{name: "long-poll is not told who joins", breach: breach{answer: replaceBody(`"op":"join"`, `"op":"conformance"`)}, breaks: []string{"a client on long-poll is there"}},
		{name: "numbers in from are lost", breach: breach{down: replace(`"from":"483920"`, `"from":"0"`)}, breaks: []string{"a from that is a number"}},

		{name: "slow bodies are cut off", breach: breach{cut: func(r *http.Request) bool { return r.ContentLength == 100 }}, breaks: []string{"is answered with 408"}},
		{name: "polls tell of something else", breach: breach{answer: func(_ *http.Response, body []byte) []byte {
			if string(body) == "[]" {
				return []byte(`["{}"]`)
			}
			return body
		}}, breaks: []string{"One URL 3: GET", "the first poll answers", "the place moves with"}},
		{name: "Authorization is too much", breach: breach{answer: func(r *http.Response, body []byte) []byte {
			if r.Request.Header.Get("Authorization") != "" {
				return []byte("[]")
			}
			return body
		}}, breaks: []string{"the token may be in"}},
		{name: "exchanges are not welcomed", breach: breach{answer: answers(insteadOf(`\{"op":"welcome"[^}]*\},(\{"op":"pong","ref":1)`, "$1"))},
			breaks: []string{"welcome is part of answers"}},
		{name: "unsubscribe is not acknowledged", breach: breach{answer: replaceBody(`"op":"unsubscribed"`, `"op":"conformance"`)},
			breaks: []string{"asks for more is answered at once"}},
		{name: "exchanges don't acknowledge", breach: breach{answer: replaceBody(`"op":"sent"`, `"op":"conformance"`)},
			breaks: []string{"anybody may send to the channel of", "used again over another"}},
		{name: "no Cache-Control", breach: breach{answer: header("Cache-Control", "")}, breaks: []string{"answers carry Content-Length and"}},
		{name: "no X-Accel-Buffering", breach: breach{answer: header("X-Accel-Buffering", "")}, breaks: []string{"X-Accel-Buffering: no"}},
		{name: "answers in chunks", breach: breach{answer: header("Content-Length", "")}, breaks: []string{"answers carry Content-Length and"}},
		{name: "all is said to be text/html", breach: breach{answer: header("Content-Type", "text/html")},
			breaks: []string{"a POST of JSON without channelid", "GET ?getIP answers", "messages come oldest first"}},
		{name: "the origin is lost", breach: breach{request: func(r *http.Request, body []byte) []byte {
			r.Header.Del("Origin")
			return body
		}}, breaks: []string{"a page of another origin"}},
		{name: "forms are let in", breach: breach{request: func(r *http.Request, body []byte) []byte {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Del("Content-Encoding")
			return body
		}}, breaks: []string{"another content type is answered", "a POST without Origin needs", "compressed body"}},
		{name: "?wait=0 is not known", breach: breach{request: query("&wait=0", "")}, breaks: []string{"?wait=0 answers at once"}},
		{name: "nothing is held", breach: breach{request: func(r *http.Request, body []byte) []byte {
			if r.URL.Query().Has("channelid") {
				r.URL.RawQuery += "&wait=0"
			} else if n := len(body); n > 0 {
				body = append(body[:n-1:n-1], `,{"op":"ping"}]`...)
			}
			return body
		}}, breaks: []string{"is held until there is something", "nothing happens is answered with []", "an empty answer is held back"}},
		{name: "hello may be missing", breach: breach{request: query("clientid=", "x=")}, breaks: []string{"Long-poll 4: ?clientid="}},
		{name: "the query is unescaped as forms are", breach: breach{request: query("+", "%20", "%zz", "")}, breaks: []string{"ids are read unescaped"}},
		{name: "polling clients have one place", breach: breach{request: func(r *http.Request, body []byte) []byte {
			r.URL.RawQuery = insteadOf(`clientid=[^&]*`, "clientid=4711")(r.URL.RawQuery)
			return body
		}}, breaks: []string{"each client id has a place", "names that can't be are refused with 400"}},
		{name: "sends are answered with something", breach: breach{answer: func(r *http.Response, body []byte) []byte {
			if len(body) == 0 {
				return []byte("ok")
			}
			return body
		}}, breaks: []string{"200 and an empty body", "One URL 4: POST"}},
		{name: "who joins is told of itself", breach: breach{down: func() mutator {
			id := ""
			return textMutator(func(text string) []string {
				if m := regexp.MustCompile(`"op":"welcome","clientid":"([^"]*)"`).FindStringSubmatch(text); m != nil {
					id = m[1]
				}
				if m := regexp.MustCompile(`"op":"subscribed".*?"channel":"([^"]*)"`).FindStringSubmatch(text); m != nil {
					return []string{text, fmt.Sprintf(`{"op":"join","channel":%q,"clientid":%q}`, m[1], id)}
				}
				return []string{text}
			})
		}}, breaks: []string{"others are told who joins"}},
		{name: "joins are lost", breach: breach{down: nth(1, "join", none)},
			breaks: []string{"others are told who joins", "a join comes before", "who ends its connection", "a reconnect goes", "a client with two", "is there from its second poll"}},
		{name: "presence counts wrong", breach: breach{down: replace(`"count":1`, `"count":2`)},
			breaks: []string{"a subscriber is on its own list", "one may ask without", "who unsubscribes has left"}},
	}
}

// TestConformanceNoticesBreaches: behind a proxy that breaks a promise, the kit
// says so; and no check of the kit is one that can't fail.
func TestConformanceNoticesBreaches(t *testing.T) {
	t.Parallel()
	g := startGateway(t, conformanceArgs...)
	var broken journal[string]
	var all errgroup.Group // and no subtests: they would wait for one another, and do little else
	all.SetLimit(12)
	for _, tt := range breaches() {
		all.Go(func() error {
			broken.add(breakPromises(t, g, tt)...)
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	fails := make(map[string]bool)
	for _, line := range broken.all() {
		fails[line] = true
	}
	results, err := servers.Run(t.Context(), servers.Config{URL: g.url("/channel"), Want: func(r trial.Result) bool {
		if !fails[r.Promise] {
			t.Errorf("no breach here breaks %s %d: %s", r.Section, r.Number, r.Promise)
		}
		return false
	}})
	if err != nil || len(results) > 0 {
		t.Fatalf("got %d results and %v", len(results), err)
	}
}

// breakPromises runs the kit behind a breach, and returns the promises that
// were found to be broken. It may be called from any goroutine.
func breakPromises(t *testing.T, g *gateway, tt breachCase) []string {
	t.Helper()
	found := make(map[string]int)
	line := func(r trial.Result) string { return fmt.Sprintf("%s %d: %s", r.Section, r.Number, r.Promise) }
	results, err := servers.Run(t.Context(), servers.Config{URL: startFaultyProxy(t, g, tt.breach), Want: func(r trial.Result) bool {
		wanted := tt.all
		for _, piece := range tt.breaks {
			if strings.Contains(line(r), piece) {
				found[piece]++
				wanted = true
			}
		}
		return wanted
	}})
	if err != nil {
		t.Errorf("%s: %v", tt.name, err)
	}
	var broken []string
	for _, r := range results {
		if r.Status == trial.Fail {
			broken = append(broken, r.Promise)
			continue
		}
		for _, piece := range tt.breaks {
			if strings.Contains(line(r), piece) {
				t.Errorf("%s: got %s %s of %s", tt.name, r.Status, r.Why, line(r))
			}
		}
	}
	for _, piece := range tt.breaks {
		if found[piece] != 1 {
			t.Errorf("%s: %d promises have %q in their line, want one", tt.name, found[piece], piece)
		}
	}
	return broken
}
