package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/transport"
)

// pingTimeout is how long the store may take to show that it is there.
const pingTimeout = 2 * time.Second

// healthy answers that the process serves requests. Whoever restarts the
// gateway goes by it: it does not depend on the store.
func (g *Gateway) healthy(w http.ResponseWriter, _ *http.Request) {
	writeText(w, "ok\n")
}

// ready answers whether clients should be sent here: the gateway isn't
// stopping, and its store is there.
func (g *Gateway) ready(w http.ResponseWriter, r *http.Request) {
	select {
	case <-g.draining:
		transport.WriteError(w, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the gateway is stopping"})
		return
	default:
	}
	if p, ok := g.store.(store.Pinger); ok {
		ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
		defer cancel()
		if err := p.Ping(ctx); err != nil {
			g.log.Warn().Err(err).Msg("not ready")
			transport.WriteError(w, transport.ErrorFrom(err))
			return
		}
	}
	text := "ready\n"
	if r, ok := g.store.(store.Reporter); ok {
		text += "store: " + r.State() + "\n"
	}
	writeText(w, text)
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write([]byte(text))
}
