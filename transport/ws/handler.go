// Package ws serves WebSocket connections: the handshake, one goroutine per
// connection that reads its frames, pings, and close codes. Messages are
// written by the hub, straight to the connection; see package hub.
package ws

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/netpoll"
)

// A Config is what a Handler is made of.
type Config struct {
	Hub        *hub.Hub
	ClientAddr func(*http.Request) netip.Addr // see transport.Guard.ClientAddr
	Limits     transport.Limits
	Log        zerolog.Logger
	// Poller keeps connections that are idle without a goroutine, where it
	// works; nil: each has one. It is closed after the Handler.
	Poller *netpoll.Poller
	// Compress lets clients have compressed frames that ask for them
	// (permessage-deflate), as the hub's Codec then makes them.
	Compress bool
}

// A Handler serves WebSocket connections. Hosts and origins are checked
// before a request reaches it (transport.Guard). It wants Close.
type Handler struct {
	// static
	cfg    Config
	limits transport.Limits // with defaults
	sender transport.Sender
	ctx    context.Context // ends with Close; requests' contexts end with the upgrade
	stop   context.CancelFunc
	now    atomic.Int64 // unix seconds, kept by the walker
	closed atomic.Bool  // by Close: there is no time for goodbyes
	conns  registry

	buffers sync.Pool // *bytes.Buffer

	running sync.WaitGroup // connections' goroutines, and the walker
}

// New makes a Handler.
func New(cfg Config) *Handler {
	if cfg.Poller == nil {
		cfg.Poller = netpoll.None()
	}
	ctx, stop := context.WithCancel(context.Background())
	h := &Handler{
		cfg: cfg, limits: cfg.Limits.WithDefaults(), ctx: ctx, stop: stop,
		sender:  transport.Sender{Publisher: cfg.Hub, Limits: cfg.Limits, Log: cfg.Log},
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	h.now.Store(time.Now().Unix())
	h.running.Go(h.walk)
	return h
}

// ServeHTTP upgrades the request, and returns: the connection goes on in a
// goroutine of its own, so that net/http lets go of its request and buffers.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	clientID, given := transport.QueryValue(r, "clientid")
	if given {
		if err := protocol.CheckClientID(clientID); err != nil {
			transport.WriteError(w, transport.ErrorFrom(err))
			return
		}
	}
	if !h.conns.enter(&h.running) {
		transport.WriteError(w, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the gateway is stopping; try again"})
		return
	}
	c := &conn{addr: h.cfg.ClientAddr(r)}
	u := &upgrade{ResponseWriter: w, handler: h, wire: &c.wire}
	options := websocket.AcceptOptions{
		InsecureSkipVerify: true, // transport.Guard has looked at it
		OnPingReceived:     c.heardPing,
		OnPongReceived:     c.heardPong,
	}
	if h.cfg.Compress {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	ws, err := websocket.Accept(u, r, &options)
	if err != nil {
		h.running.Done() // Accept has answered
		return
	}
	ws.SetReadLimit(int64(h.limits.MaxFrame()))
	c.ws = ws
	if w.Header().Get("Sec-WebSocket-Extensions") != "" {
		c.hub.Pack() // it was agreed on
	}
	if given {
		c.welcome(u.head, clientID)
	} else {
		c.hub.Raw(u.head)
		c.awaited = time.AfterFunc(helloWait, func() { c.hub.Cut(protocol.CloseBadFrame, "no hello came") })
	}
	// Behind the handshake's answer, before which nobody may ping or say goodbye.
	if !h.conns.add(c) {
		h.turnAway(c)
	}
	c.begin()
}

// turnAway ends a connection that came while Drain or Close began.
func (h *Handler) turnAway(c *conn) {
	if h.closed.Load() {
		c.wire.Abort()
		return
	}
	c.goodbye()
}

// leave is the end of a connection's goroutine.
func (h *Handler) leave(c *conn) {
	h.conns.remove(c)
	h.running.Done()
}

// Connections tells how many connections are open.
func (h *Handler) Connections() int { return h.conns.len() }

// walk pings the connections, a slot at each tick, and cuts off those not
// heard of for two rounds.
func (h *Handler) walk() {
	tick := time.NewTicker(h.limits.Ping / slots)
	defer tick.Stop()
	for i := 0; ; i = (i + 1) % slots {
		select {
		case <-h.ctx.Done():
			return
		case now := <-tick.C:
			h.now.Store(now.Unix())
			dead := now.Add(-2*h.limits.Ping - time.Second).Unix() // now has whole seconds
			for _, c := range h.conns.slot(i) {
				if c.wire.seen.Load() < dead {
					c.hub.Cut(protocol.ClosePingTimeout, "nothing heard of the client")
				} else {
					c.hub.Raw(ping)
				}
			}
		}
	}
}

// Drain lets nobody in any more and says goodbye to everybody, in random
// order, spread over the grace period. It returns once all connections have
// ended, or with ctx's error.
func (h *Handler) Drain(ctx context.Context, grace time.Duration) error {
	all := h.conns.close()
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	begin := time.Now()
	for i, c := range all {
		due := begin.Add(grace * time.Duration(i) / time.Duration(len(all)))
		if wait(ctx, time.Until(due)) != nil {
			break
		}
		c.goodbye()
	}
	done := make(chan struct{})
	go func() { // ends with Close at the latest
		h.running.Wait()
		close(done)
	}()
	h.stop() // the walker, and waits for the store
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryLeast and retryMost bound what a draining gateway tells its clients to
// wait before they come back.
const (
	retryLeast = 500 * time.Millisecond
	retryMost  = 2500 * time.Millisecond
)

func (c *conn) goodbye() {
	retry := retryLeast + rand.N(retryMost-retryLeast)
	c.hub.Send(&protocol.ServerFrame{Op: protocol.OpBye, Reason: "draining", Retry: int(retry.Milliseconds())})
	c.hub.Cut(protocol.CloseDraining, "draining")
}

// wait waits for d, or less: it returns ctx's error then.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends every connection at once, and waits for their goroutines.
func (h *Handler) Close() {
	h.closed.Store(true)
	h.stop()
	for _, c := range h.conns.close() {
		c.wire.Abort()
	}
	h.running.Wait()
}
