package client

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestWhatIsRememberedOfMessagesIsBounded(t *testing.T) {
	var c cursors
	for n := range 3 * remembered {
		c.add(protocol.Cursor(fmt.Sprint(n)))
	}
	if len(c.known) != remembered || len(c.ring) != remembered {
		t.Errorf("got %d and %d cursors, want %d", len(c.known), len(c.ring), remembered)
	}
	for n, want := range map[int]bool{2*remembered - 1: false, 2 * remembered: true, 3*remembered - 1: true} {
		if got := c.has(protocol.Cursor(fmt.Sprint(n))); got != want {
			t.Errorf("cursor %d: got %t, want %t", n, got, want)
		}
	}
}

func TestIterationEnds(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room, other := s.subscribe(w, "room", SubscribeOptions{}), s.subscribe(w, "other", SubscribeOptions{})

		ctx, cancel := context.WithCancel(t.Context())
		iteration := func(ctx context.Context, sub *Subscription) *calling[int] {
			return call(t, func() (n int, last error) {
				for _, err := range sub.Messages(ctx) {
					n, last = n+1, err
				}
				return n, last
			})
		}
		byContext := iteration(ctx, room.sub)
		byContext.waits()
		cancel()
		byContext.fails(context.Canceled)

		byClose := iteration(t.Context(), room.sub)
		room.sub.Close()
		if n := byClose.value(); n != 0 {
			t.Errorf("closed: got %d, want nothing", n)
		}
		byClient := iteration(t.Context(), other.sub)
		s.Close()
		byClient.fails(ErrClosed)
	})
}

func TestIterationGoesOnWhereItWasLeft(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.message("room", 1)
		w.message("room", 2)
		for m := range room.sub.Messages(t.Context()) {
			if m.ID != "m1" {
				t.Errorf("got %s first, want m1", m.ID)
			}
			break
		}
		room.want("2")
	})
}

func TestHandlersAreCalledByType(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		var got []string
		note := func(what string) func(context.Context, *Message) {
			return func(_ context.Context, m *Message) { got = append(got, what+" "+string(m.Payload)) }
		}
		room.sub.Handle("msg", note("msg"))
		room.sub.Handle(AllTypes, note("all"))
		room.sub.Handle("other", note("other"))
		room.sub.HandleJoin(func(_ context.Context, j Join) { got = append(got, "join "+j.ClientID) })
		room.sub.HandleLeave(func(_ context.Context, l Leave) { got = append(got, "leave "+l.ClientID) })
		room.sub.HandlePresence(func(_ context.Context, p Presence) { got = append(got, fmt.Sprint("there ", p.Count)) })
		run := call(t, func() (int, error) { return 0, room.sub.Run(t.Context()) })
		w.message("room", 1)
		w.say(`{"op":"join","channel":"room","clientid":"carol"}`, `{"op":"leave","channel":"room","clientid":"carol"}`,
			`{"op":"presence","channel":"room","clients":[],"count":1001}`)
		w.say(`{"op":"message","channel":"room","cursor":"c2","id":"m2","type":"other","payload":2}`)
		w.say(`{"op":"gap","channel":"room","cursor":"c3"}`)
		if _, err := run.result(); err == nil {
			t.Error("a gap that nobody handles: got no error")
		}
		room.sub.HandleGap(func(_ context.Context, gap *GapError) { got = append(got, "gap "+string(gap.Cursor)) })
		run = call(t, func() (int, error) { return 0, room.sub.Run(t.Context()) })
		w.say(`{"op":"gap","channel":"room","cursor":"c4"}`)
		run.waits()
		room.sub.Close()
		run.value()
		want := []string{"msg 1", "all 1", "join carol", "leave carol", "there 1001", "all 2", "other 2", "gap c4"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
