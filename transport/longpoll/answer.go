package longpoll

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// A subscription is one channel of an exchange.
type subscription struct {
	ref       protocol.Ref
	channel   string
	listener  *hub.Listener
	resumed   bool            // the client knows a place
	recovered bool            // and everything behind it follows
	cursor    protocol.Cursor // from where on messages follow
	reached   protocol.Cursor // where they end; empty: nobody is to go on from there
	moved     bool            // by messages that are not for this client
	events    [][]byte        // who came and went; the hub's memory
	frames    [][]byte        // messages and gaps; the hub's memory
}

// leastShare is what of an answer each channel may fill at least, in bytes.
const leastShare = 16 << 10

// wait waits in the request's goroutine until there is something to tell.
func (x *exchange) wait(woken <-chan struct{}) {
	timer := time.NewTimer(x.h.cfg.Limits.Held())
	defer timer.Stop()
	for there := false; !there; {
		select {
		case <-woken:
			there = x.fetch()
		case <-timer.C:
			return
		case <-x.h.cfg.Draining:
			x.draining = true
			return
		case <-x.ctx.Done():
			return
		}
	}
}

// Answer is for the server that holds the exchange.
func (x *exchange) Answer(w http.ResponseWriter, last bool) bool {
	if !x.fetch() && !last {
		return false
	}
	select {
	case <-x.h.cfg.Draining:
		x.draining = true
	default:
	}
	x.finish(w)
	x.rest()
	return true
}

// Drop is for the server that holds the exchange.
func (x *exchange) Drop() { x.close() }

// finish writes the answer.
func (x *exchange) finish(w http.ResponseWriter) {
	rm := x.h.rooms.Get().(*room)
	defer x.h.rooms.Put(rm)
	var err error
	if shared := rm.common.of(x); shared != nil {
		err = transport.WriteShared(w, shared, x.h.cfg.Limits.WriteTimeout)
	} else {
		text := x.answer(rm.answer[:0])
		err = transport.WriteAnswer(w, answerType, text, x.h.cfg.Limits.WriteTimeout)
		if cap(text) <= mostKept {
			rm.answer = text
		}
	}
	if err != nil {
		x.h.cfg.Log.Debug().Err(err).Msg("long-poll answer not written")
	}
}

const answerType = "application/json; charset=utf-8"

// fetch takes what the listeners have, and reports whether there is something
// to tell. Each channel has its share of the answer, so that a busy one keeps
// no other out.
func (x *exchange) fetch() bool {
	there := false
	for _, s := range x.subs {
		share := max(x.h.cfg.Limits.MaxAnswer/len(x.subs), leastShare)
		frames, cursor, err := s.listener.Next(s.frames, share)
		s.reached = cursor
		if s.frames = frames; len(frames) == 0 && cursor != s.cursor {
			s.cursor, s.moved = cursor, true
		}
		s.events = s.listener.Events(s.events)
		// Fallen off the log: the client asks again with its cursor, and the
		// hub reads what there is to say from the store.
		there = there || len(frames) > 0 || len(s.events) > 0 || err != nil
	}
	return there
}

// answer appends the JSON array for the client to out.
func (x *exchange) answer(out []byte) []byte {
	out = append(slices.Grow(out, x.size()), '[')
	if x.clientID != "" && (x.welcome || x.prompt) {
		out = append(transport.Welcome(x.h.cfg.Limits, x.clientID).Append(out), ',')
	}
	out = append(out, x.replies...)
	for _, s := range x.subs {
		out = s.append(out, x.prompt)
	}
	if x.draining {
		// Spread over two seconds, or all would come to the next gateway at once.
		bye := protocol.ServerFrame{Op: protocol.OpBye, Reason: "draining", Retry: 500 + rand.IntN(2000)}
		out = append(bye.Append(out), ',')
	}
	return append(bytes.TrimSuffix(out, []byte{','}), ']')
}

// size is about how long the answer gets, in bytes.
func (x *exchange) size() int {
	n := 256 + len(x.replies)
	for _, s := range x.subs {
		n += 128 + len(s.channel)
		for _, frames := range [...][][]byte{s.events, s.frames} {
			for _, frame := range frames {
				n += len(frame) + 1
			}
		}
	}
	return n
}

// append appends s's "subscribed", events and messages. Where nothing happened, a
// client that knows its place is told nothing, unless the answer comes at
// once: then "subscribed" is what it asked for. A place that has moved over
// messages not for this client is told, or it would at last fall off the log.
func (s *subscription) append(out []byte, prompt bool) []byte {
	if !prompt && !s.moved && len(s.events) == 0 && len(s.frames) == 0 {
		return out
	}
	f := protocol.ServerFrame{Op: protocol.OpSubscribed, Ref: s.ref, Channel: s.channel, Cursor: s.cursor}
	if s.resumed {
		f.Recovered = &s.recovered
	}
	out = append(f.Append(out), ',')
	for _, frames := range [...][][]byte{s.events, s.frames} { // who has joined is told of before it is heard
		for _, frame := range frames {
			out = append(append(out, frame...), ',')
		}
	}
	return out
}
