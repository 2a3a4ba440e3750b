package http1

import (
	"net"
	"sync"
)

// A handed is a listener that accepts the connections handed to it.
type handed struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHanded(addr net.Addr) *handed {
	return &handed{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// deliver hands nc over, or closes it if nobody takes it any more.
func (h *handed) deliver(nc net.Conn) {
	select {
	case h.conns <- nc:
	case <-h.done:
		nc.Close()
	}
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case nc := <-h.conns:
		return nc, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handed) Addr() net.Addr { return h.addr }

// A prefixed is a connection of which some was read before.
type prefixed struct {
	net.Conn
	ahead []byte
}

// CloseWrite is for net/http, which lets a client read why it is refused before
// the connection closes.
func (p *prefixed) CloseWrite() error {
	if tcp, ok := p.Conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// Bare is for whoever hijacks p, and reads it no more: the connection itself,
// and what is still to be read in front of it.
func (p *prefixed) Bare() (net.Conn, []byte) { return p.Conn, p.ahead }

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.ahead) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.ahead)
	if p.ahead = p.ahead[n:]; len(p.ahead) == 0 {
		p.ahead = nil
	}
	return n, nil
}
