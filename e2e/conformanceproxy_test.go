package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

// A mutator changes what goes over one WebSocket: each frame becomes none, one
// or several.
type mutator func(wire.Frame) []wire.Frame

// A breach is what a proxy does to a gateway that keeps its promises, so that
// behind the proxy it does not. A nil field does nothing.
type breach struct {
	down    func() mutator             // what the gateway says; made anew for each WebSocket
	up      func() mutator             // what the client says
	cut     func(r *http.Request) bool // whether a request is cut off
	request func(r *http.Request, body []byte) []byte
	answer  func(r *http.Response, body []byte) []byte // not for a WebSocket that opens
}

// eachText changes text messages, and lets all else through.
func eachText(change func(string) []string) func() mutator {
	return func() mutator { return textMutator(change) }
}

func textMutator(change func(string) []string) mutator {
	return func(f wire.Frame) []wire.Frame {
		if f.Op != wire.Text || f.More {
			return []wire.Frame{f}
		}
		var out []wire.Frame
		for _, text := range change(string(f.Payload)) {
			f.Payload = []byte(text)
			out = append(out, f)
		}
		return out
	}
}

// replace changes each text by replacing pieces of it.
func replace(oldNew ...string) func() mutator {
	r := strings.NewReplacer(oldNew...)
	return eachText(func(text string) []string { return []string{r.Replace(text)} })
}

// replaceBody is replace for HTTP.
func replaceBody(oldNew ...string) func(*http.Response, []byte) []byte {
	r := strings.NewReplacer(oldNew...)
	return func(_ *http.Response, body []byte) []byte { return []byte(r.Replace(string(body))) }
}

// startFaultyProxy starts a proxy in front of g and returns the URL of the
// channel behind it.
func startFaultyProxy(t *testing.T, g *gateway, f breach) string {
	t.Helper()
	back, err := url.Parse(g.url(""))
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	p := &faulty{breach: f, back: back.Host, http: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(back)
			r.Out.Host = r.In.Host
		},
		ModifyResponse: f.respond,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Transport:      tr,
	}}
	srv := httptest.NewServer(p)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		p.closeAll()
		srv.Close()
		tr.CloseIdleConnections()
	})
	return srv.URL + "/channel"
}

func (f *breach) respond(r *http.Response) error {
	if f.answer == nil || r.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body.Close()
	body = f.answer(r, body)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	if r.Header.Get("Content-Length") != "" {
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	return nil
}

// A faulty proxy serves a breach.
type faulty struct {
	breach
	back string
	http *httputil.ReverseProxy

	mu      sync.Mutex
	open    []net.Conn
	closed  bool
	tunnels sync.WaitGroup
}

func (p *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.cut != nil && p.cut(r) {
		// Or the server would wait for the body.
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
		return
	}
	if p.request != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		body = p.request(r, body)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		p.http.ServeHTTP(w, r)
		return
	}
	p.tunnel(w, r)
}

// keep notes a connection, and reports false where it comes too late.
func (p *faulty) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, conns...)
	if !p.closed {
		p.tunnels.Add(1)
	}
	return !p.closed
}

func (p *faulty) closeAll() {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.tunnels.Wait()
}

// tunnel leads a WebSocket to the gateway, frame by frame.
func (p *faulty) tunnel(w http.ResponseWriter, r *http.Request) {
	gateway, err := net.Dial("tcp", p.back)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer gateway.Close()
	r.Body = http.NoBody
	if err := r.Write(gateway); err != nil {
		panic(http.ErrAbortHandler)
	}
	in := bufio.NewReader(gateway)
	resp, err := http.ReadResponse(in, r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	if p.respond(resp) != nil {
		panic(http.ErrAbortHandler)
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer client.Close()
	if resp.Write(client) != nil || resp.StatusCode != http.StatusSwitchingProtocols || !p.keep(client, gateway) {
		return
	}
	defer p.tunnels.Done()
	var both sync.WaitGroup
	both.Go(func() { carryFrames(gateway, buffered.Reader, p.up) })
	both.Go(func() { carryFrames(client, in, p.down) })
	both.Wait()
}

// carryFrames carries frames until either end is gone.
func carryFrames(to net.Conn, from io.Reader, make func() mutator) {
	defer to.Close()
	change := mutator(func(f wire.Frame) []wire.Frame { return []wire.Frame{f} })
	if make != nil {
		change = make()
	}
	for {
		f, err := wire.ReadFrame(from)
		if err != nil {
			return
		}
		var out []byte
		for _, f := range change(f) {
			out = f.Append(out)
		}
		if _, err := to.Write(out); err != nil {
			return
		}
	}
}
