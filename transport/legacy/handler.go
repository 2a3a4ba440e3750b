// Package legacy serves the seed's own clients as its helper script did: a
// GET polls a channel, a POST sends to one, and ?getIP tells the client its
// address. The answer to a poll is held until there is something, which turns
// an unmodified client into a long-poller.
//
// Such a client sends no place. The store keeps one for each channel and
// client id (store.ClientCursors), where the PHP library finds it, too; so a
// client may be moved between the old script and the gateway at any request.
package legacy

import (
	"context"
	"net/http"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/transport"
)

// A Store is what polling needs of one.
type Store interface {
	Read(ctx context.Context, channel string, after protocol.Cursor, limit int) (store.Page, error)
	Tail(ctx context.Context, channel string) (protocol.Cursor, error)
	store.ClientCursors
}

// A Config is what a Handler is made of.
type Config struct {
	Hub    *hub.Hub         // needed; for sending, and to be woken up
	Store  Store            // needed; the hub's
	Guard  *transport.Guard // needed
	Limits transport.Limits
	Log    zerolog.Logger
	// Draining, once closed, ends the wait of every poll; nil: never.
	Draining <-chan struct{}
}

// A Handler serves the seed's clients. Origin and host have been checked, and
// the query has channelid and clientid, or getIP, before a request reaches it
// (transport.Route).
type Handler struct {
	cfg    Config
	sender transport.Sender
	turns  turns
}

// New makes a Handler.
func New(cfg Config) *Handler {
	cfg.Limits = cfg.Limits.WithDefaults()
	return &Handler{
		cfg:    cfg,
		sender: transport.Sender{Publisher: cfg.Hub, Limits: cfg.Limits, Log: cfg.Log},
		turns:  turns{busy: make(map[poller]chan struct{})},
	}
}

// ServeHTTP serves one request. It returns when that is answered, or when the
// client has gone.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, ok := transport.QueryValue(r, "getIP"); ok && r.Method == http.MethodGet {
		h.address(w, r)
		return
	}
	who, err := identify(r)
	if err != nil {
		h.fail(w, err)
		return
	}
	if r.Method == http.MethodPost {
		h.send(w, r, who)
		return
	}
	if err := transport.MayRead(who.channel, h.cfg.Guard.ClientAddr(r)); err != nil {
		unauthorised(w)
		return
	}
	h.poll(w, r, who)
}

func identify(r *http.Request) (who poller, err error) {
	who.channel, _ = transport.QueryValue(r, "channelid")
	who.client, _ = transport.QueryValue(r, "clientid")
	if err := protocol.CheckChannel(who.channel); err != nil {
		return who, err
	}
	return who, protocol.CheckClientID(who.client)
}

func (h *Handler) address(w http.ResponseWriter, r *http.Request) {
	addr := h.cfg.Guard.ClientAddr(r)
	if !addr.IsValid() {
		h.fail(w, &protocol.Error{Code: protocol.CodeUnavailable, Message: "the proxy in front does not tell the client's address"})
		return
	}
	h.write(w, "text/plain; charset=utf-8", []byte(addr.String()))
}

// send stores the body as it stands, if the channel's format lets it in.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, who poller) {
	body, ok := transport.ReadBody(w, r, h.cfg.Limits.MaxMessage, h.cfg.Limits.ReadTimeout)
	if !ok {
		return
	}
	if err := h.cfg.Hub.Format(who.channel).Check(body); err != nil {
		h.fail(w, err)
		return
	}
	if _, _, err := h.sender.Publish(r.Context(), who.channel, "", body); err != nil {
		h.fail(w, err)
		return
	}
	h.write(w, "text/plain; charset=utf-8", nil)
}

func (h *Handler) fail(w http.ResponseWriter, err error) {
	transport.WriteError(w, transport.Failure(&h.cfg.Log, err))
}

// unauthorised is how the seed's script refused, but for being JSON and
// having a status.
func unauthorised(w http.ResponseWriter) {
	w.Header().Set("Content-Type", answerType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusForbidden)
	w.Write([]byte(`{"err":"Unauthorised client"}`))
}

// write writes an answer, and reports whether the client may have it.
func (h *Handler) write(w http.ResponseWriter, contentType string, body []byte) bool {
	err := transport.WriteAnswer(w, contentType, body, h.cfg.Limits.WriteTimeout)
	if err != nil {
		h.cfg.Log.Debug().Err(err).Msg("answer to a polling client not written")
	}
	return err == nil
}
