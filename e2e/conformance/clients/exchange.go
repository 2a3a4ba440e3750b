package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// status is that of a close code.
func status(code int) int {
	switch code {
	case 4200:
		return http.StatusBadRequest
	case 4201:
		return http.StatusUnauthorized
	case 4203:
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

func (s *server) serveExchange(w http.ResponseWriter, r *http.Request) {
	n, rec := s.enter()
	defer s.did("end", n, nil)
	body, err := io.ReadAll(io.LimitReader(r.Body, 4*maxMessage+128<<10))
	if err != nil {
		return
	}
	s.t.Frame(fmt.Sprint("client, exchange ", n), "->", string(body))
	if typ, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); typ != "application/json" {
		s.blame("an exchange has the content type %q", r.Header.Get("Content-Type"))
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(body, &raws); err != nil {
		s.blame("an exchange is no JSON array: %.200s", body)
	}
	s.sleep(r.Context(), rec.welcomeIn)
	if rec.code != 0 {
		s.t.Frame(fmt.Sprint("client, exchange ", n), "<-", fmt.Sprint(status(rec.code), " ", rec.error))
		httpError(w, status(rec.code), rec.error)
		return
	}
	x := &exchange{s: s, n: n}
	for i, raw := range raws {
		x.do(i, s.parse(raw))
	}
	if hasty := s.haste(); hasty != nil && !x.prompt {
		x.say(w, hasty)
		return
	}
	if x.cut || !x.wait(r.Context()) {
		s.t.Frame(fmt.Sprint("client, exchange ", n), "<-", "(is cut)")
		panic(http.ErrAbortHandler)
	}
	frames, lost := x.answer()
	if lost {
		s.t.Frame(fmt.Sprint("client, exchange ", n), "<-", "(an answer with messages is lost)")
		panic(http.ErrAbortHandler)
	}
	x.say(w, s.texts(frames...))
}

// An exchange is one of long-poll.
type exchange struct {
	s       *server
	n       int
	prompt  bool // to be answered at once
	cut     bool // never to be answered
	replies []obj

	subscription map[string]json.RawMessage // nil: there is none
	echo         bool
	at           int // where it begins
	recovered    *bool
	bye          *parting
}

// say is the answer.
func (x *exchange) say(w http.ResponseWriter, texts []string) {
	answer := "[" + strings.Join(texts, ",") + "]"
	x.s.t.Frame(fmt.Sprint("client, exchange ", x.n), "<-", answer)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, answer) // the client is gone: nobody is left to tell
}

// do does what the frame at a place asks for.
func (x *exchange) do(i int, frame map[string]json.RawMessage) {
	e := event{frame: frame}
	op := e.str("op")
	defer x.s.did(op, x.n, frame) // when its place is known: scenes go on from there
	if (i == 0) != (op == "hello") {
		x.s.blame("frame %d of an exchange is %s", i, op)
	}
	switch op {
	case "hello":
		if id := e.str("clientid"); id != x.s.client && id != "" { // "": somebody else's errand
			x.s.blame("the client id is %q, want %q", id, x.s.client)
		}
	case "subscribe":
		x.s.mu.Lock()
		x.at, x.recovered = x.s.since(frame)
		x.s.mu.Unlock()
		x.subscription, x.echo = frame, string(frame["echo"]) == "true"
		x.prompt = x.prompt || x.recovered == nil || !*x.recovered
	case "send":
		answer, ok := x.s.take(frame)
		if x.cut = x.cut || !ok; ok && frame["ref"] != nil {
			x.replies = append(x.replies, answer)
		}
	case "ping":
		if frame["ref"] != nil {
			x.replies = append(x.replies, obj{"op": "pong", "ref": frame["ref"]})
		}
	case "unsubscribe":
		x.replies = append(x.replies, obj{"op": "unsubscribed", "ref": frame["ref"], "channel": x.s.channel})
	}
	x.prompt = x.prompt || op != "subscribe" && op != "hello"
}

// wait waits until there is something to tell. It reports false where there is
// to be no answer.
func (x *exchange) wait(ctx context.Context) bool {
	if x.prompt || x.subscription == nil {
		return true
	}
	end := make(chan parting, 1)
	timer := time.NewTimer(hold)
	defer timer.Stop()
	for first := true; ; first = false {
		x.s.mu.Lock()
		there, changed := len(x.news()) > 0, x.s.changed
		if !there && first {
			x.s.held[end] = true
		}
		x.s.mu.Unlock()
		if there {
			break
		}
		if first {
			x.s.did("held", x.n, nil)
		}
		if !x.pause(ctx, changed, end, timer.C) {
			break
		}
	}
	x.s.leave(end)
	return x.unparted(end)
}

// pause waits, and reports whether to look again.
func (x *exchange) pause(ctx context.Context, changed <-chan struct{}, end chan parting, late <-chan time.Time) bool {
	select {
	case <-changed:
		return true
	case p := <-end:
		end <- p // for unparted
	case <-late:
	case <-ctx.Done():
	case <-x.s.ending:
	}
	return false
}

// unparted reports false where the exchange was ended without a word. Its end
// goes before messages: these came when it had ended.
func (x *exchange) unparted(end chan parting) bool {
	select {
	case p := <-end:
		x.bye = &p
		return p.code != 0
	default:
		return true
	}
}

func (s *server) leave(end chan parting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, end)
}

// answer are the frames of the answer, which may be lost.
func (x *exchange) answer() (out []obj, lost bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.prompt {
		out = append(out, x.s.welcome())
	}
	out = append(out, x.replies...)
	if x.bye != nil && x.bye.retry > 0 {
		out = append(out, obj{"op": "bye", "reason": "draining", "retry": x.bye.retry})
	}
	if x.bye != nil || x.subscription == nil {
		return out, false
	}
	news := x.news()
	at := x.at
	if len(news) == 0 {
		at = len(x.s.messages) // over one's own messages
	}
	if !x.prompt && len(news) == 0 && at == x.at {
		return out, false
	}
	if lost = x.s.losing && len(news) > 0; lost {
		x.s.losing = false
	}
	return append(append(out, x.s.subscribed(x.subscription, at, x.recovered)), news...), lost
}

// news is what there is to tell. s.mu is held.
func (x *exchange) news() (list []obj) {
	for i := x.at; i < len(x.s.messages); i++ {
		if o := x.s.tell(i, x.echo); o != nil {
			list = append(list, o)
		}
	}
	return list
}
