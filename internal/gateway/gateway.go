package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	clientjs "github.com/commchannel/gateway/client-js"
	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/http1"
	"github.com/commchannel/gateway/transport/legacy"
	"github.com/commchannel/gateway/transport/longpoll"
	"github.com/commchannel/gateway/transport/netpoll"
	"github.com/commchannel/gateway/transport/ws"
)

// A Gateway is a whole one: store, hub, entrances and listeners. Its life is
// New, Run, and no more; or New and Close.
type Gateway struct {
	// static
	cfg       Config
	log       zerolog.Logger
	store     fullStore
	hub       *hub.Hub
	ws        *ws.Handler
	routes    map[string]http.Handler // by path
	poller    *netpoll.Poller
	server    *http.Server  // takes what front hands over
	front     *http1.Server // takes every connection first
	listeners []net.Listener
	draining  chan struct{} // closed when the gateway begins to stop

	// Every request holds requests for reading, so that its Lock waits for
	// all of them; net/http's Close does not.
	requests sync.RWMutex
	closed   bool // guarded by requests

	closing sync.Once
	closers []func() // in the order of starting; Close goes backwards
}

// New makes a Gateway that listens, but does not serve yet. It wants Run or
// Close. If cfg can't be, the error is settings.Mistakes.
func New(cfg Config) (*Gateway, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	log, err := newLog(cfg)
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, log: log, draining: make(chan struct{})}
	if err := g.open(); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// open starts everything, from the store outwards.
func (g *Gateway) open() error {
	var err error
	if g.routes, err = g.ownRoutes(); err != nil {
		return err
	}
	spec, err := parseStore(g.cfg.Store)
	if err != nil {
		return err
	}
	if g.store, err = spec.open(g.cfg.MaxMessage, g.log); err != nil {
		return fmt.Errorf("gateway: store: %w", err)
	}
	g.onClose(func() {
		if err := g.store.Close(); err != nil {
			g.log.Warn().Err(err).Msg("store not closed cleanly")
		}
	})
	codec, err := ws.NewPackingCodec(g.cfg.Compression)
	if err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	g.onClose(codec.Free)
	g.hub = hub.New(hub.Config{
		Store: g.store, Codec: codec, Format: formatOf(g.cfg.Formats), Presence: matchAny(g.cfg.Presence), Log: g.log,
		Lag: g.cfg.Lag, LogBytes: max(4<<20, 2*g.cfg.Lag), Pause: g.cfg.SweepPause,
	})
	g.onClose(g.hub.Close)
	if err := g.listen(); err != nil {
		return err
	}
	return g.openEntrances()
}

// ownRoutes are the pages that are no entrances.
func (g *Gateway) ownRoutes() (map[string]http.Handler, error) {
	routes, err := ownPages(clientjs.Files)
	if err != nil {
		return nil, err
	}
	routes["/healthz"] = http.HandlerFunc(g.healthy)
	routes["/readyz"] = http.HandlerFunc(g.ready)
	var mistakes settings.Mistakes
	for _, path := range g.cfg.Paths {
		if routes[path] != nil {
			mistakes = append(mistakes, fmt.Errorf("path: %s is the gateway's own", path))
		}
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return routes, nil
}

func (g *Gateway) listen() error {
	// The kernel need not ask whether a peer is still there: WebSockets are
	// pinged, and no request is held for longer than Hold.
	listening := net.ListenConfig{KeepAlive: -1}
	for _, addr := range g.cfg.Listen {
		l, err := listening.Listen(context.Background(), "tcp", addr)
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		g.listeners = append(g.listeners, l)
		g.onClose(func() { l.Close() }) // the server has closed it, unless it never served
	}
	return nil
}

func (g *Gateway) openEntrances() error {
	guard, err := transport.NewGuard(transport.GuardConfig{
		Origins: g.cfg.Origins, Hosts: g.cfg.Hosts,
		TrustedProxies: g.cfg.TrustedProxies, Public: g.public(),
	})
	if err != nil {
		return err
	}
	limits := transport.Limits{
		MaxMessage: g.cfg.MaxMessage, MaxChannels: g.cfg.MaxChannels,
		Hold: g.cfg.Hold, Ping: g.cfg.Ping,
	}
	g.poller = netpoll.New(g.log)
	g.onClose(g.poller.Close)
	g.ws = ws.New(ws.Config{
		Hub: g.hub, ClientAddr: guard.ClientAddr, Limits: limits, Log: g.log, Poller: g.poller, Compress: g.cfg.Compression > 0,
	})
	g.onClose(g.ws.Close)
	entrance := transport.Route{
		Guard: guard,
		WS:    g.ws,
		LongPoll: longpoll.New(longpoll.Config{
			Hub: g.hub, Guard: guard, Limits: limits, Log: g.log, Draining: g.draining,
		}),
		Legacy: legacy.New(legacy.Config{
			Hub: g.hub, Store: g.store, Guard: guard, Limits: limits, Log: g.log, Draining: g.draining,
		}),
	}.Handler()
	for _, path := range g.cfg.Paths {
		g.routes[path] = entrance
	}
	g.server = &http.Server{
		Handler:           g.Handler(),
		ErrorLog:          serverLog(g.log),
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    16 << 10,
		IdleTimeout:       2 * time.Minute, // longer than proxies keep connections
		// No WriteTimeout: answers are held. Each has its own deadline once it
		// is written.
	}
	g.front = http1.New(http1.Config{HTTP: g.server, Poller: g.poller, Log: g.log})
	g.onClose(g.endRequests)
	return nil
}

func (g *Gateway) endRequests() {
	g.front.Close()
	g.server.Close()
	g.requests.Lock()
	g.closed = true
	g.requests.Unlock()
}

// public reports whether other machines reach the gateway.
func (g *Gateway) public() bool {
	for _, l := range g.listeners {
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return true
		}
	}
	return false
}

// Addr is the first address that the gateway listens on.
func (g *Gateway) Addr() net.Addr { return g.listeners[0].Addr() }

// Handler serves all of the gateway's URLs.
func (g *Gateway) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.requests.RLock()
		defer g.requests.RUnlock()
		if g.closed {
			transport.WriteError(w, transport.ErrorFrom(store.ErrClosed))
			return
		}
		g.route(r.URL.Path).ServeHTTP(w, r)
	})
}

// Run serves until ctx ends, sends the clients away, and closes the Gateway.
// Its error tells why a listener failed; an end by ctx is none.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.Close()
	warnOfFewFiles(g.log, openFiles())
	g.announce() // true already: who connects now is served in a moment
	failed := make(chan error, len(g.listeners))
	var serving sync.WaitGroup
	defer serving.Wait()
	for _, l := range g.listeners {
		serving.Go(func() {
			if err := g.front.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("gateway: %w", err)
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	g.drain()
	g.Close()
	g.log.Info().Msg("stopped")
	return err
}

// announce says in one line that it goes, and how to see it.
func (g *Gateway) announce() {
	addrs := make([]string, len(g.listeners))
	for i, l := range g.listeners {
		addrs[i] = l.Addr().String()
	}
	g.log.Info().
		Str("store", g.cfg.Store).
		Str("listen", strings.Join(addrs, ",")).
		Str("version", g.cfg.Version).
		Msgf("ready; see it work at %s", g.demoURL())
}

func (g *Gateway) demoURL() string {
	a, ok := g.Addr().(*net.TCPAddr)
	if !ok || a.IP.IsUnspecified() {
		_, port, _ := net.SplitHostPort(g.Addr().String())
		return "http://localhost:" + port + "/"
	}
	return "http://" + net.JoinHostPort(a.IP.String(), strconv.Itoa(a.Port)) + "/"
}

// drain sends the clients away: the gateway is not ready any more and takes no
// new connection, waiting answers are given, and WebSockets get their goodbye,
// spread over the grace period. Who is still there at its end is cut off by
// Close.
func (g *Gateway) drain() {
	g.log.Info().Stringer("grace", g.cfg.Grace).Msg("stopping")
	close(g.draining)
	ctx, cancel := context.WithTimeout(context.Background(), g.cfg.Grace)
	defer cancel()
	var all sync.WaitGroup
	for _, server := range []interface{ Shutdown(context.Context) error }{g.front, g.server} {
		all.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				g.log.Warn().Err(err).Msg("requests are cut off")
			}
		})
	}
	all.Go(func() {
		// A quarter is left for the last ones' closing handshakes.
		if err := g.ws.Drain(ctx, g.cfg.Grace*3/4); err != nil {
			g.log.Warn().Err(err).Int("connections", g.ws.Connections()).Msg("connections are cut off")
		}
	})
	all.Wait()
}

// Close ends everything at once, in reverse order of starting. It may be
// called again.
func (g *Gateway) Close() {
	g.closing.Do(func() {
		for i := len(g.closers) - 1; i >= 0; i-- {
			g.closers[i]()
		}
	})
}

func (g *Gateway) onClose(f func()) { g.closers = append(g.closers, f) }
