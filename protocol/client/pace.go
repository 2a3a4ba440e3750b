package client

import (
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// pace has the link rest where exchanges come back at once, again and again,
// and bring nothing new: something on the way doesn't let the gateway hold them,
// or the gateway is broken. Polling is left, at a pace that both can bear.
func (s *polling) pace(r *request) {
	switch {
	case slices.ContainsFunc(r.answer, func(f protocol.ServerFrame) bool { return f.Op == protocol.OpSent }):
		s.fruitless = 0 // it was asked for something, and had no reason to wait
		return
	case len(r.stands) == 0:
		return
	case r.news:
		s.resume()
		fallthrough
	case time.Since(r.began) >= exchangeShort || r.fruitful():
		s.fruitless = 0
		return
	}
	if s.fruitless++; s.fruitless <= fruitlessBorne && len(r.answer) > 0 {
		return
	}
	for channel, st := range r.stands {
		st.rests = st == s.stands[channel]
	}
	s.paused = true
	s.pause.Reset(s.link.backoff.pause(s.link.random, s.fruitless-1))
}

// fruitful reports whether r has brought what the client did not have.
func (r *request) fruitful() bool {
	for i := range r.answer {
		f := &r.answer[i]
		switch f.Op {
		case protocol.OpJoin, protocol.OpLeave, protocol.OpPresence:
			return true
		case protocol.OpMessage:
			// Told anew from further back, a channel ends where it was.
			if st := r.stands[f.Channel]; st != nil && st.frame.Since != r.places[f.Channel] {
				return true
			}
		}
	}
	return false
}

// resume ends a pause.
func (s *polling) resume() {
	s.paused = false
	for _, st := range s.stands {
		st.rests = false
	}
}
