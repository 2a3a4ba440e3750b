// Package longpoll serves those whose WebSocket does not come through: a POST
// takes an array of client frames and is answered with an array of server
// frames, the same as on a WebSocket.
//
// An exchange leaves nothing behind. What a client has seen it says itself, by
// the cursor in each "subscribe"; so any gateway may serve the next exchange,
// and what was lost on the way is asked for again.
//
// An exchange is answered at once if it asks for something: a "subscribe"
// without "since" (its place must be known), a "send", "presence", "ping" or
// "unsubscribe", anything that fails, and a "since" whose following messages
// can't all be had. Otherwise it waits for a message, for Limits.Hold at the
// longest. "welcome" is part of answers given at once, and of those that tell
// a client the id that was chosen for it.
package longpoll

import (
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// A Config is what a Handler is made of.
type Config struct {
	Hub    *hub.Hub         // needed
	Guard  *transport.Guard // needed
	Limits transport.Limits
	Log    zerolog.Logger
	// Draining, once closed, ends the wait of every exchange; nil: never.
	Draining <-chan struct{}
}

// A Handler serves exchanges. Origin, host and content type have been checked
// before a request reaches it (transport.Route).
type Handler struct {
	cfg    Config
	sender transport.Sender
	rooms  sync.Pool // *room
}

// A room is for what an exchange needs for a moment.
type room struct {
	frames []protocol.ClientFrame
	errs   []error
	answer []byte
	common common
}

// mostKept is how large a room's answer may be that is used again, in bytes.
const mostKept = 64 << 10

// New makes a Handler.
func New(cfg Config) *Handler {
	cfg.Limits = cfg.Limits.WithDefaults()
	return &Handler{
		cfg:    cfg,
		sender: transport.Sender{Publisher: cfg.Hub, Limits: cfg.Limits, Log: cfg.Log},
		rooms:  sync.Pool{New: func() any { return &room{} }},
	}
}

// ServeHTTP serves one exchange. It returns when it is answered, when the
// client has gone, or, with a transport.Holder, when it has to wait.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve(w, r, false) }

// serve is ServeHTTP. repeats says that the request is as the one before it, but
// for its body.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, repeats bool) {
	limits := &h.cfg.Limits
	body, ok := transport.ReadBody(w, r, limits.MaxExchange(), limits.ReadTimeout)
	if !ok {
		return
	}
	rm := h.rooms.Get().(*room)
	defer h.leave(rm)
	frames, errs, err := protocol.AppendClientBatch(rm.frames, rm.errs, body, limits.MaxFrames)
	rm.frames, rm.errs = frames[:0], errs[:0]
	if err != nil {
		transport.WriteError(w, transport.ErrorFrom(err))
		return
	}
	x := newExchange(h, r)
	holder, holds := w.(transport.Holder)
	var woken transport.Signal
	if holds {
		x.wake = holder.Waker()
	} else {
		woken = make(transport.Signal, 1)
		x.wake = woken.Wake
	}
	defer func() {
		if !x.held {
			x.close()
		}
	}()
	waits := x.begin(r, frames, errs)
	if waits && holds {
		if x.held = true; repeats && len(x.replies) == 0 && !x.welcome {
			x.asked = newPattern(body, rm.frames[:len(frames)])
		}
		holder.Repeat(x)
		holder.Hold(x, limits.Held())
		return
	}
	if waits {
		x.wait(woken)
	}
	if r.Context().Err() == nil { // the client is there
		x.finish(w)
	}
}

// leave gives a room back, with nothing left in it.
func (h *Handler) leave(rm *room) {
	clear(rm.frames[:cap(rm.frames)])
	clear(rm.errs[:cap(rm.errs)])
	if cap(rm.frames) <= 16 { // of those that are cleared each time
		h.rooms.Put(rm)
	}
}

// begin carries out the frames, and reports whether the answer is to wait.
func (x *exchange) begin(r *http.Request, frames []protocol.ClientFrame, errs []error) bool {
	if frames, errs = x.identify(r, frames, errs); x.clientID == "" {
		return false
	}
	x.process(frames, errs)
	if x.prompt {
		x.fetch() // what is there goes with it
	}
	return !x.prompt // and if something is there, a wake-up has come
}
