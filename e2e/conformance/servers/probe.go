package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// A probe is a check's hands.
type probe struct {
	*trial.T
	*suite
	names atomic.Int32
}

// channel is a channel that nobody else has.
func (p *probe) channel() string { return p.prefix + p.unique() }

// id is a client id that nobody else has.
func (p *probe) id(name string) string { return name + "-" + p.unique() }

// unique is a piece of a name that nobody else has.
func (p *probe) unique() string {
	return fmt.Sprintf("%s-%x-%d", p.run, time.Now().UnixNano(), p.names.Add(1))
}

// deadline is when what must come must be there.
func (p *probe) deadline() time.Time {
	d := time.Now().Add(patience)
	if end, ok := p.Context().Deadline(); ok && end.Before(d) {
		return end
	}
	return d
}

// An answer is one of HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

// A request is one of HTTP, to the channel's URL.
type request struct {
	method string // "": GET
	query  string // as it stands, with its "?"
	path   string // added to the URL's
	body   string
	header map[string]string
	within time.Duration // 0: patience
}

// asks that r be as JSON.
func (r request) asJSON() request {
	header := map[string]string{"Content-Type": "application/json"}
	for k, v := range r.header {
		header[k] = v
	}
	r.header = header
	return r
}

// do makes a request. who is for the record.
func (p *probe) do(who string, r request) answer {
	a, err := p.try(p.Context(), who, r)
	if err != nil {
		p.Failf("%s %s: %v", r.method, r.query, err)
	}
	return a
}

// try is do for any goroutine.
func (p *probe) try(ctx context.Context, who string, r request) (answer, error) {
	if r.within == 0 {
		r.within = patience
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	ctx, cancel := context.WithTimeout(ctx, r.within)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, p.url+r.path+r.query, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	if p.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.cfg.Token)
	}
	for name, value := range r.header {
		if name == "Host" {
			req.Host = value
		} else {
			req.Header.Set(name, value)
		}
	}
	p.Frame(who, "->", strings.TrimSpace(r.method+" "+r.path+r.query+" "+r.body))
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return answer{}, err
	}
	p.Frame(who, "<-", fmt.Sprintf("%d %s", resp.StatusCode, body))
	return answer{resp.StatusCode, resp.Header, string(body)}, nil
}

// wantError wants an HTTP error with its body.
func (p *probe) wantError(a answer, status int, code string) {
	var e struct{ Code, Message *string }
	if a.status != status {
		p.Failf("status %d, want %d with %s", a.status, status, code)
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || e.Code == nil || e.Message == nil {
		p.Failf(`the body %.200q is not {"code":"...","message":"..."}`, a.body)
	}
	if *e.Code != code {
		p.Failf("code %s, want %s", *e.Code, code)
	}
}

// post posts frames as an exchange: texts as they stand, obj as JSON.
func (p *probe) post(query string, frames ...any) request {
	list := make([]string, len(frames))
	for i, f := range frames {
		list[i] = frameText(f)
	}
	return request{method: http.MethodPost, query: query, body: "[" + strings.Join(list, ",") + "]"}.asJSON()
}

func frameText(f any) string {
	if o, ok := f.(obj); ok {
		return o.text()
	}
	return f.(string)
}

// hello is the first frame of an exchange.
func (p *probe) hello(id string) obj {
	o := obj{"op": "hello", "clientid": id}
	if p.cfg.Token != "" {
		o["token"] = p.cfg.Token
	}
	return o
}

// exchange is a long-poll exchange with "hello" in front.
func (p *probe) exchange(id string, frames ...any) []frame {
	r := p.post("", append([]any{p.hello(id)}, frames...)...)
	return p.frames(p.do(id, r))
}

// frames reads an exchange's answer.
func (p *probe) frames(a answer) []frame {
	list, err := parseFrames(a)
	if err != nil {
		p.Failf("%v", err)
	}
	return list
}

func parseFrames(a answer) ([]frame, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &raws); err != nil || raws == nil || a.status != http.StatusOK {
		return nil, fmt.Errorf("status %d and the body %.200q, want 200 and an array", a.status, a.body)
	}
	list := make([]frame, len(raws))
	for i, raw := range raws {
		var err error
		if list[i], err = parseFrame(raw); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// only are the frames of some ops.
func only(frames []frame, ops ...string) []frame {
	var list []frame
	for _, f := range frames {
		for _, op := range ops {
			if f.Op == op {
				list = append(list, f)
			}
		}
	}
	return list
}

// one wants exactly one frame of an op, and returns it.
func (p *probe) one(frames []frame, op string) frame {
	list := only(frames, op)
	if len(list) != 1 {
		p.Failf("%d frames %s in %.300s, want one", len(list), op, texts(frames))
	}
	return list[0]
}

// A held is an exchange or a poll under way.
type held struct {
	began time.Time
	done  chan struct{} // closed when a and err are there
	a     answer
	err   error
}

// hold makes a request and returns while it is under way.
func (p *probe) hold(who string, r request) *held {
	h := &held{began: time.Now(), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(p.Context())
	go func() {
		defer close(h.done)
		h.a, h.err = p.try(ctx, who, r)
	}()
	p.Cleanup(func() {
		cancel()
		<-h.done
	})
	return h
}

// wantHeld wants a request not to be answered for a while. An empty answer
// after a longer time than that is what short hold times bring.
func (p *probe) wantHeld(h *held) {
	select {
	case <-h.done:
		if time.Since(h.began) > 2*watch && h.a.body == "[]" {
			p.Skipf("the hold time is too short to look at it")
		}
		p.Failf("it was answered at once: %d %.200s %v", h.a.status, h.a.body, h.err)
	case <-time.After(watch):
	}
}

// beforeHold wants what ask asks for not to take as long as an answer that is held:
// one that began to be held before must be held still when it was done twice.
func (p *probe) beforeHold(ask func()) {
	channel, id := p.channel(), p.id("held")
	h := p.holdSince(id, channel, p.place(channel))
	ask()
	ask()
	select {
	case <-h.done:
		p.Failf("it took as long as an answer that is held")
	default:
	}
}

// await waits for a held request's answer.
func (p *probe) await(h *held) answer {
	select {
	case <-h.done:
	case <-time.After(time.Until(p.deadline())):
		p.Failf("no answer within %v", patience)
	}
	if h.err != nil {
		p.Failf("%v", h.err)
	}
	return h.a
}
