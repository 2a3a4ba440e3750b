package e2e

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

// pass passes a request on, as it should be. Without a gateway it is answered
// as proxies do.
func pass(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	resp, err := p.ask(r)
	if err != nil {
		http.Error(w, "<h1>Bad Gateway</h1>", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	copyHead(w, resp)
	_, _ = io.Copy(w, resp.Body)
}

func copyHead(w http.ResponseWriter, resp *http.Response) {
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
}

// refused answers a request by itself.
func refused(status int) fault {
	return func(_ *faultProxy, w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<h1>"+http.StatusText(status)+"</h1>", status)
	}
}

// resetAtOnce answers with a reset of the connection.
func resetAtOnce(_ *faultProxy, w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		reset(conn)
	}
}

// withoutUpgrade is a proxy that knows of no WebSocket, and passes on none of
// the headers that belong to one connection alone.
func withoutUpgrade(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Upgrade")
	r.Header.Del("Connection")
	pass(p, w, r)
}

// tunnelled opens a tunnel. Something may be done to it as soon as the page
// has been told that it is open.
func tunnelled(opened func(*tunnel)) fault {
	return func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
		gateway, err := net.Dial("tcp", p.gateway.addr)
		if err != nil {
			refused(http.StatusBadGateway)(p, w, r)
			return
		}
		page, read, err := http.NewResponseController(w).Hijack()
		if err != nil {
			reset(gateway)
			return
		}
		t := &tunnel{page: page, gateway: gateway}
		p.begin(t)
		defer p.end(t)
		fromGateway := bufio.NewReader(gateway)
		if shakeHands(t, r, fromGateway) != nil {
			return
		}
		opened(t)
		t.run(read.Reader, fromGateway)
	}
}

// shakeHands carries the request and the head of its answer.
func shakeHands(t *tunnel, r *http.Request, fromGateway *bufio.Reader) error {
	if err := r.Write(t.gateway); err != nil {
		return err
	}
	resp, err := http.ReadResponse(fromGateway, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return resp.Write(t.page)
}

func (p *faultProxy) begin(t *tunnel) {
	p.running.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tunnels[t] = true
}

func (p *faultProxy) end(t *tunnel) {
	t.cut()
	p.mu.Lock()
	delete(p.tunnels, t)
	p.mu.Unlock()
	p.running.Done()
}

// neverAnswered opens, and then nothing passes. Or all that is for the page is
// held back alone: something collects frames and waits for the end.
func neverAnswered(up bool) fault {
	return tunnelled(func(t *tunnel) {
		t.up.Store(up)
		t.down.Store(true)
	})
}

// killedAfter is a tunnel with a short life.
func killedAfter(life time.Duration) fault {
	return tunnelled(func(t *tunnel) { time.AfterFunc(life, t.cut) })
}

// inLumps holds an answer back until there are n bytes of it, or all.
func inLumps(n int) fault {
	return func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
		resp, err := p.ask(r)
		if err != nil {
			refused(http.StatusBadGateway)(p, w, r)
			return
		}
		defer resp.Body.Close()
		resp.Header.Del("Content-Length")
		held := bufio.NewReaderSize(resp.Body, n)
		_, _ = held.Peek(n) // an answer that is shorter ends before
		copyHead(w, resp)
		for lump := make([]byte, n); err == nil; {
			var size int
			size, err = io.ReadFull(held, lump)
			_, _ = w.Write(lump[:size])
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// impatient gives up on what is not answered within a while, and then does
// something else.
func impatient(within time.Duration, then fault) fault {
	return func(p *faultProxy, w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		resp, err := p.ask(r.WithContext(ctx))
		if err != nil {
			then(p, w, r)
			return
		}
		defer resp.Body.Close()
		copyHead(w, resp)
		_, _ = io.Copy(w, resp.Body)
	}
}

// lost never reaches the gateway, and nobody is told.
func lost(p *faultProxy, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else the server does not notice that the page has gone
	p.lost.add(r.URL.Path)
	<-r.Context().Done()
}

// answerLost reaches the gateway, and its answer never comes.
func answerLost(p *faultProxy, w http.ResponseWriter, r *http.Request) {
	if resp, err := p.ask(r); err == nil {
		resp.Body.Close()
	}
	lost(p, w, r)
}
