package client_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"github.com/commchannel/gateway/internal/gateway"
)

// A server is a real gateway, on a free port, with messages in its memory.
type server struct {
	url  string
	addr string
	stop func() // drains it, and waits for its end
}

func serve(t *testing.T, cfg gateway.Config) *server {
	t.Helper()
	if cfg.Listen == nil {
		cfg.Listen = []string{"127.0.0.1:0"}
	}
	cfg.LogOutput = io.Discard
	g, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := g.Run(ctx); err != nil {
			t.Errorf("gateway: %v", err)
		}
	}()
	s := &server{addr: g.Addr().String(), stop: func() { cancel(); <-ended }}
	s.url = "http://" + s.addr + "/channel"
	t.Cleanup(s.stop)
	return s
}

// A proxy is between client and gateway. It can cut its connections, and lets
// no WebSocket through while it is told so.
type proxy struct {
	url string

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	blocked bool // answers WebSockets with 403, as some proxies do
	mute    bool // lets them open, and nothing through
}

func between(t *testing.T, s *server) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse("http://" + s.addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{url: "http://" + l.Addr().String() + "/channel", conns: make(map[net.Conn]struct{})}
	transport := &http.Transport{}
	rp := httputil.NewSingleHostReverseProxy(target)
	rp.Transport = transport
	rp.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") != "" && p.swallows(w, r) {
				return
			}
			defer func() { _ = recover() }() // the reverse proxy panics when a client is cut off
			rp.ServeHTTP(w, r)
		}),
		ConnState: p.note,
	}
	go srv.Serve(l)
	t.Cleanup(func() {
		p.cut()
		srv.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// note remembers connections, those of WebSockets to their end.
func (p *proxy) note(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.conns[c] = struct{}{}
	case http.StateClosed:
		delete(p.conns, c)
	}
}

func (p *proxy) swallows(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	blocked, mute := p.blocked, p.mute
	p.mu.Unlock()
	switch {
	case mute:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Accept", acceptKey(r.Header.Get("Sec-WebSocket-Key")))
		w.WriteHeader(http.StatusSwitchingProtocols)
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	case blocked:
		http.Error(w, "<html>no</html>", http.StatusForbidden)
	}
	return mute || blocked
}

// cut ends all connections without a word.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
	clear(p.conns)
}

func (p *proxy) set(blocked, mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked, p.mute = blocked, mute
}

// acceptKey is a WebSocket handshake's answer to its key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
