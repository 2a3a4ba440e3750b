package client

import (
	"errors"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// The loop finds the buffer full, and before it says so, the reader has emptied
// it: then nobody but the loop can know that there is room.
func TestReaderWhoIsQuickerThanTheLoop(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		s.subscribe(w, "room", SubscribeOptions{})
		s.loop.do(func() { s.loop.fallBehind(s.loop.topics["room"], "c1") })
		w.hear(protocol.OpUnsubscribe)
		wantFrame(t, w.hear(protocol.OpSubscribe), `{"op":"subscribe","channel":"room","since":"c0"}`)
	})
}

func TestRefusedSubscribeIsTold(t *testing.T) {
	for _, code := range []protocol.Code{protocol.CodeForbidden, protocol.CodeUnavailable} {
		play(t, Options{}, func(t *testing.T, s *stage) {
			w := s.connect(WebSocket)
			c := call(t, func() (*Subscription, error) { return s.Channel("room").Subscribe(t.Context(), SubscribeOptions{}) })
			w.refuse(w.hear(protocol.OpSubscribe), code)
			_, err := c.result()
			if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != code {
				t.Errorf("got %v, want %s", err, code)
			}
			time.Sleep(20 * time.Second)
			w.quiet()
			s.subscribe(w, "room", SubscribeOptions{}).want() // once more, and well
		})
	}
}

// resubscribe brings the client's one subscription over a new link.
func resubscribe(s *stage, w *way) (*way, protocol.ClientFrame) {
	s.t.Helper()
	w.fail()
	time.Sleep(leastPause)
	w = s.connect(WebSocket)
	return w, w.hear(protocol.OpSubscribe)
}

func TestSubscriptionRefusedForNowIsAskedForAgainLater(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w, f := resubscribe(s, w)
		w.refuse(f, protocol.CodeUnavailable)
		w.quiet()
		time.Sleep(leastPause)
		f = w.hear(protocol.OpSubscribe)
		wantFrame(t, f, `{"op":"subscribe","channel":"room","since":"c0"}`)
		w.subscribed(f, "c0", recovered)
		w.message("room", 1)
		room.want("1")
	})
}

func TestSubscriptionRefusedForGoodEnds(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.message("room", 1)
		w, f := resubscribe(s, w)
		w.refuse(f, protocol.CodeForbidden)
		room.want("1", "protocol: forbidden: no")
		room.want("protocol: forbidden: no")
	})
}

func TestFullBufferGivesTheChannelBackAndGoesOnFromItsPlace(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room, other := s.subscribe(w, "room", SubscribeOptions{Buffer: 4}), s.subscribe(w, "other", SubscribeOptions{})
		for n := range 6 {
			w.message("room", n+1)
		}
		w.message("other", 1)
		other.want("1") // is not held up
		wantFrame(t, w.hear(protocol.OpUnsubscribe), `{"op":"unsubscribe","channel":"room"}`)
		w.quiet()
		room.want("1", "2", "3", "4")
		f := w.hear(protocol.OpSubscribe)
		wantFrame(t, f, `{"op":"subscribe","channel":"room","since":"c4"}`)
		w.message("room", 6) // on its way since before
		w.subscribed(f, "c4", recovered)
		w.message("room", 5)
		w.message("room", 6)
		room.want("5", "6")
	})
}

func TestGapThatFindsNoRoomIsAskedForAgain(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{Buffer: 1})
		w.message("room", 1)
		w.say(`{"op":"gap","channel":"room","cursor":"c5"}`)
		w.hear(protocol.OpUnsubscribe)
		room.want("1")
		f := w.hear(protocol.OpSubscribe)
		wantFrame(t, f, `{"op":"subscribe","channel":"room","since":"c1"}`)
		w.subscribed(f, "c5", notRecovered)
		room.want("gap")
	})
}

func TestReaderWhoIsBehindStaysSoOverAReconnect(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{Buffer: 1})
		w.message("room", 1)
		w.message("room", 2)
		w.hear(protocol.OpUnsubscribe)
		w.fail()
		time.Sleep(leastPause)
		w = s.connect(WebSocket)
		w.quiet()
		room.want("1")
		wantFrame(t, w.hear(protocol.OpSubscribe), `{"op":"subscribe","channel":"room","since":"c1"}`)
	})
}
