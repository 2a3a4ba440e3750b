package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

func TestSubscribeReturnsOnceItIsConfirmed(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		c := call(t, func() (*Subscription, error) { return s.Channel("room").Subscribe(t.Context(), SubscribeOptions{}) })
		c.waits()
		w.welcome()
		f := w.hear(protocol.OpSubscribe)
		wantFrame(t, f, `{"op":"subscribe","channel":"room"}`)
		c.waits()
		w.subscribed(f, "c0")
		c.value()
	})
}

func TestSubscribeSaysWhereItBegins(t *testing.T) {
	for _, tt := range []struct {
		opts SubscribeOptions
		want string
	}{
		{SubscribeOptions{Since: "c7"}, `{"op":"subscribe","channel":"room","since":"c7"}`},
		{SubscribeOptions{History: 20, Echo: true}, `{"op":"subscribe","channel":"room","history":20,"echo":true}`},
	} {
		play(t, Options{}, func(t *testing.T, s *stage) {
			w := s.connect(WebSocket)
			call(t, func() (*Subscription, error) { return s.Channel("room").Subscribe(t.Context(), tt.opts) })
			wantFrame(t, w.hear(protocol.OpSubscribe), tt.want)
		})
	}
}

func TestSubscribeRefusesWhatCannotBe(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		for _, tt := range []struct {
			channel string
			opts    SubscribeOptions
		}{
			{"", SubscribeOptions{}}, {"lock_x", SubscribeOptions{}},
			{"room", SubscribeOptions{Since: "c1", History: 1}}, {"room", SubscribeOptions{Since: "no cursor"}},
			{"room", SubscribeOptions{History: -1}}, {"room", SubscribeOptions{Buffer: -1}},
		} {
			if _, err := s.Channel(tt.channel).Subscribe(t.Context(), tt.opts); err == nil {
				t.Errorf("%q, %+v: got no error", tt.channel, tt.opts)
			}
		}
		w.quiet()
	})
}

func TestMessageHasAllFields(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.say(`{"op":"message","channel":"room","cursor":"c1","id":"m1","type":"msg","from":"bob","payload":{"n":7},"reply_to":"q","time":1795389286619}`)
		for m, err := range room.sub.Messages(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			want := Message{"room", "c1", "m1", "msg", "bob", raw(`{"n":7}`), "q", time.UnixMilli(1795389286619)}
			if fmt.Sprint(*m) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", *m, want)
			}
			if p, err := Payload[struct{ N int }](m); err != nil || p.N != 7 {
				t.Errorf("payload: got %+v, %v, want 7", p, err)
			}
			if _, err := Payload[int](m); err == nil {
				t.Error("a payload of another kind: got no error")
			}
			break
		}
	})
}

func TestOneSubscriptionToAChannel(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		if _, err := s.Channel("room").Subscribe(t.Context(), SubscribeOptions{}); !errors.Is(err, ErrSubscribed) {
			t.Errorf("a second one: got %v, want ErrSubscribed", err)
		}
		room.sub.Close()
		w.hear(protocol.OpUnsubscribe)
		s.subscribe(w, "room", SubscribeOptions{}).want()
	})
}

func TestSubscriptionResumesByItsCursor(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room, other := s.subscribe(w, "room", SubscribeOptions{Echo: true}), s.subscribe(w, "other", SubscribeOptions{})
		w.message("room", 1)
		w.message("room", 2)
		w.fail()
		time.Sleep(leastPause)
		w = s.connect(WebSocket)
		frames := map[string]protocol.ClientFrame{}
		for range 2 {
			f := w.hear(protocol.OpSubscribe)
			frames[f.Channel] = f
		}
		wantFrame(t, frames["room"], `{"op":"subscribe","channel":"room","since":"c2","echo":true}`)
		wantFrame(t, frames["other"], `{"op":"subscribe","channel":"other","since":"c0"}`)
		w.subscribed(frames["room"], "c2", recovered)
		w.message("room", 3)
		room.want("1", "2", "3")
		other.want()
	})
}

func TestFromLongPollToWebSocketNothingIsLostOrDoubled(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		poll := s.poll()
		room := s.subscribe(poll, "room", SubscribeOptions{})
		poll.message("room", 1)
		sent := s.send("room", "mine")
		first := poll.hear(protocol.OpSend)
		time.Sleep(leastPause)
		w := s.connect(WebSocket)
		poll.p.in(nil) // is dropped: nobody takes it
		subscribe := w.hear(protocol.OpSubscribe)
		wantFrame(t, subscribe, `{"op":"subscribe","channel":"room","since":"c1"}`)
		again := w.hear(protocol.OpSend)
		if again.ID != first.ID {
			t.Errorf("the send's id: got %q, want %q again", again.ID, first.ID)
		}
		w.subscribed(subscribe, "c1", recovered)
		w.message("room", 2)
		w.sent(again, "c3")
		if got := sent.value(); got != (Receipt{first.ID, "c3"}) {
			t.Errorf("receipt: got %+v, want %q at c3", got, first.ID)
		}
		room.want("1", "2")
	})
}

func TestFramesOfAnEarlierSubscriptionAreDropped(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		s.subscribe(w, "room", SubscribeOptions{}).sub.Close()
		c := call(t, func() (*Subscription, error) { return s.Channel("room").Subscribe(t.Context(), SubscribeOptions{}) })
		w.hear(protocol.OpUnsubscribe)
		f := w.hear(protocol.OpSubscribe)
		w.message("room", 1) // on its way when the first one ended
		w.subscribed(f, "c2")
		w.message("room", 3)
		(&reading{t, c.value()}).want("3")
	})
}

func TestAnswerToAnEarlierSubscribeConfirmsNothing(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		ctx, cancel := context.WithCancel(t.Context())
		subscribe := func() (*Subscription, error) { return s.Channel("room").Subscribe(ctx, SubscribeOptions{}) }
		given := call(t, subscribe)
		early := w.hear(protocol.OpSubscribe)
		cancel()
		given.fails(context.Canceled)
		w.hear(protocol.OpUnsubscribe)
		ctx = t.Context()
		c := call(t, subscribe)
		f := w.hear(protocol.OpSubscribe)
		w.subscribed(early, "c0")
		w.message("room", 1)
		c.waits()
		w.subscribed(f, "c1")
		(&reading{t, c.value()}).want()
	})
}

func TestGapIsTold(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.message("room", 1)
		w.say(`{"op":"gap","channel":"room","cursor":"c4"}`)
		w.message("room", 5)
		w.fail()
		time.Sleep(leastPause)
		w = s.connect(WebSocket)
		f := w.hear(protocol.OpSubscribe)
		wantFrame(t, f, `{"op":"subscribe","channel":"room","since":"c5"}`)
		w.subscribed(f, "c5", notRecovered)
		w.message("room", 1) // is seen already
		w.message("room", 9)
		room.want("1", "gap", "5", "gap", "9")
	})
}

func TestSinceThatIsGoneIsAGap(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		c := call(t, func() (*Subscription, error) {
			return s.Channel("room").Subscribe(t.Context(), SubscribeOptions{Since: "old"})
		})
		w.subscribed(w.hear(protocol.OpSubscribe), "old", notRecovered)
		w.message("room", 4)
		(&reading{t, c.value()}).want("gap", "4")
	})
}

func TestHistoryThatALostLinkTookIsAGap(t *testing.T) {
	for _, tt := range []struct {
		name  string
		heard bool
		after time.Duration
		want  []string
	}{
		{"before its first message", false, 0, []string{"gap"}},
		{"after it", true, 0, []string{"1"}},
		{"long after, so there was none", false, historyWithin, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
				w := s.connect(WebSocket)
				room := s.subscribe(w, "room", SubscribeOptions{History: 3})
				if tt.heard {
					w.message("room", 1)
				}
				time.Sleep(tt.after)
				w.fail()
				time.Sleep(leastPause)
				w = s.connect(WebSocket)
				f := w.hear(protocol.OpSubscribe)
				if f.Since == "" {
					t.Errorf("it comes back with %s, want a cursor", f.Append(nil))
				}
				w.subscribed(f, string(f.Since), recovered)
				room.want(tt.want...)
			})
		})
	}
}

func TestOnesOwnMessagesAreLeftOutAndTheCursorMovesOverThem(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.say(`{"op":"message","channel":"room","cursor":"c1","id":"m1","type":"msg","from":"me","payload":"mine"}`)
		room.want()
		w.fail()
		time.Sleep(leastPause)
		wantFrame(t, s.connect(WebSocket).hear(protocol.OpSubscribe), `{"op":"subscribe","channel":"room","since":"c1"}`)
	})
}

func TestOnesOwnMessagesComeWithEcho(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{Echo: true})
		w.say(`{"op":"message","channel":"room","cursor":"c1","id":"m1","type":"msg","from":"me","payload":"mine"}`)
		room.want(`"mine"`)
	})
}

func TestJoinsAndLeavesAreEvents(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.say(`{"op":"join","channel":"room","clientid":"carol"}`, messageFrame("room", 1), `{"op":"leave","channel":"room","clientid":"carol"}`)
		room.want("join carol", "1", "leave carol")
	})
}

func TestPresenceThatComesUnaskedIsAnEvent(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		asked := call(t, func() (Presence, error) { return s.Channel("room").Presence(t.Context()) })
		f := w.hear(protocol.OpPresence)
		w.say(`{"op":"presence","channel":"room","clients":[],"count":1001}`, messageFrame("room", 1))
		asked.waits() // that was no answer
		n, _ := f.Ref.Value()
		w.say(fmt.Sprintf(`{"op":"presence","ref":%d,"channel":"room","clients":["me"],"count":700}`, n))
		if got := asked.value(); got.Channel != "room" || got.Count != 700 {
			t.Errorf("got %+v, want the answer", got)
		}
		w.say(`{"op":"presence","channel":"room","clients":["alice","me"],"count":2}`, `{"op":"presence","channel":"other","clients":["x"],"count":1}`)
		room.want("there [] of 1001", "1", "there [alice me] of 2")
	})
}

func TestSubscribeGivesUpWithItsContext(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := call(t, func() (*Subscription, error) { return s.Channel("room").Subscribe(ctx, SubscribeOptions{}) })
		f := w.hear(protocol.OpSubscribe)
		time.Sleep(time.Second)
		c.fails(context.DeadlineExceeded)
		w.hear(protocol.OpUnsubscribe)
		w.subscribed(f, "c0") // too late
		w.message("room", 1)
		synctest.Wait()
		s.subscribe(w, "room", SubscribeOptions{}).want()
	})
}
