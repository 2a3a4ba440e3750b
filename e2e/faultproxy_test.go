package e2e

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// A faultProxy stands between pages and a gateway, and does to their requests
// what networks do. It serves the pages itself, under /pages/. Its methods may
// be called from any goroutine.
type faultProxy struct {
	url        string
	gateway    *gateway
	transport  *http.Transport
	handshakes atomic.Int32    // of WebSockets, so far
	lost       journal[string] // paths of requests that nobody will answer

	mu      sync.Mutex
	now     faults
	tunnels map[*tunnel]bool // which are open
	running sync.WaitGroup   // of them
}

// faults are what happens to requests, by kind; nil passes them on.
type faults struct {
	sockets fault // handshakes of WebSockets, and all that comes after
	posts   fault // exchanges, and what else is no WebSocket
}

// A fault takes the place of passing a request on. It returns when the request
// is over.
type fault func(p *faultProxy, w http.ResponseWriter, r *http.Request)

// startFaultProxy starts a proxy with such faults from the beginning.
func startFaultProxy(t *testing.T, g *gateway, now faults) *faultProxy {
	t.Helper()
	p := &faultProxy{gateway: g, transport: &http.Transport{}, now: now, tunnels: make(map[*tunnel]bool)}
	mux := http.NewServeMux()
	mux.Handle("/pages/", http.StripPrefix("/pages/", http.FileServer(http.Dir("pages"))))
	mux.HandleFunc("/channel", p.meet)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { pass(p, w, r) })
	server := httptest.NewServer(mux)
	p.url = server.URL
	t.Cleanup(func() {
		p.cut()
		p.running.Wait()
		server.CloseClientConnections() // some wait for their answers in vain
		server.Close()
		p.transport.CloseIdleConnections()
	})
	return p
}

// set changes what happens to requests that come from now on.
func (p *faultProxy) set(now faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = now
}

func (p *faultProxy) meet(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	now := p.now
	p.mu.Unlock()
	do := now.posts
	if r.Header.Get("Upgrade") != "" {
		p.handshakes.Add(1)
		do = now.sockets
		if do == nil {
			do = tunnelled(func(*tunnel) {})
		}
	}
	if do == nil {
		do = pass
	}
	do(p, w, r)
}

// ask asks the gateway what the page has asked. It is not asked any more when
// the page has gone.
func (p *faultProxy) ask(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", p.gateway.addr, ""
	return p.transport.RoundTrip(out)
}

// A tunnel carries bytes of a WebSocket to and fro.
type tunnel struct {
	page, gateway net.Conn
	up, down      atomic.Bool // nothing goes on to the gateway, or to the page, any more
}

// mute lets nothing through the open tunnels from now on, or nothing to the
// page alone. Nobody is told.
func (p *faultProxy) mute(up bool) {
	p.each(func(t *tunnel) {
		t.up.Store(up)
		t.down.Store(true)
	})
}

// cut ends all open tunnels, by a reset.
func (p *faultProxy) cut() { p.each((*tunnel).cut) }

func (p *faultProxy) each(do func(*tunnel)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.tunnels {
		do(t)
	}
}

func (t *tunnel) cut() {
	reset(t.page)
	reset(t.gateway)
}

// reset ends a connection in a way that the other end takes for a fault.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// run carries on until either end is gone.
func (t *tunnel) run(fromPage, fromGateway *bufio.Reader) {
	var both sync.WaitGroup
	both.Go(func() { carry(t.gateway, fromPage, &t.up); t.cut() })
	both.Go(func() {
		carry(t.page, fromGateway, &t.down)
		if !t.down.Load() { // else the page is not told of the end, either
			t.cut()
		}
	})
	both.Wait()
}

func carry(to net.Conn, from *bufio.Reader, muted *atomic.Bool) {
	piece := make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		if err == nil && !muted.Load() {
			_, err = to.Write(piece[:n])
		}
		if err != nil {
			return
		}
	}
}
