package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

func TestSendReturnsOnceTheGatewayHasTheMessage(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		sent := s.send("room", map[string]int{"n": 1})
		f := w.hear(protocol.OpSend)
		sent.waits()
		if err := protocol.CheckMessageID(f.ID); err != nil || protocol.MessageTime(f.ID) != 0 {
			t.Errorf("id %q: %v, or it could be another's", f.ID, err)
		}
		w.sent(f, "c1")
		if got := sent.value(); got != (Receipt{f.ID, "c1"}) {
			t.Errorf("receipt: got %+v, want %q at c1", got, f.ID)
		}
		f.ID = ""
		wantFrame(t, f, `{"op":"send","channel":"room","type":"msg","payload":{"n":1}}`)
	})
}

func TestSendMessageHasAllFields(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		call(t, func() (Receipt, error) {
			return s.Channel("room").SendMessage(t.Context(), Outgoing{Type: "x", Payload: raw(`{ "as" : "it is" }`), ID: "own", ReplyTo: "m1"})
		})
		wantFrame(t, w.hear(protocol.OpSend), `{"op":"send","channel":"room","type":"x","payload":{ "as" : "it is" },"id":"own","reply_to":"m1"}`)
		call(t, func() (Receipt, error) {
			return s.Channel("room").Reply(t.Context(), &Message{ID: "m2"}, "re", nil)
		})
		f := w.hear(protocol.OpSend)
		f.ID = ""
		wantFrame(t, f, `{"op":"send","channel":"room","type":"re","payload":null,"reply_to":"m2"}`)
	})
}

func TestWhatTheGatewayWouldRefuseIsNotSent(t *testing.T) {
	deep := json.RawMessage(strings.Repeat("[", 64) + strings.Repeat("]", 64))
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		for _, tt := range []struct {
			name, channel string
			m             Outgoing
		}{
			{"no JSON", "room", Outgoing{Payload: math.NaN()}},
			{"two values", "room", Outgoing{Payload: raw(`1,"op":"ping"`)}},
			{"too deep", "room", Outgoing{Payload: deep}},
			{"half a surrogate pair", "room", Outgoing{Payload: raw(`"\ud800"`)}},
			{"long type", "room", Outgoing{Type: strings.Repeat("t", 257)}},
			{"bad id", "room", Outgoing{ID: "_x"}},
			{"bad reply_to", "room", Outgoing{ReplyTo: "no id"}},
			{"bad channel", "lock_x", Outgoing{}},
			{"too large", "room", Outgoing{Payload: strings.Repeat("x", 65535)}},
		} {
			if _, err := s.Channel(tt.channel).SendMessage(t.Context(), tt.m); err == nil {
				t.Errorf("%s: got no error", tt.name)
			}
		}
		w.quiet()
		s.send("room", strings.Repeat("x", 65534)).waits()
	})
}

func TestSendWaitsForAConnectionBehindTheSubscriptions(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		sent := s.send("room", 1)
		call(t, func() (*Subscription, error) { return s.Channel("room").Subscribe(t.Context(), SubscribeOptions{}) })
		w.welcome()
		w.hear(protocol.OpSubscribe)
		w.sent(w.hear(protocol.OpSend), "c1")
		sent.value()
	})
}

func TestTooLargeIsToldOnceTheBoundIsKnown(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		sent := s.send("room", strings.Repeat("x", 65535))
		sent.waits()
		w.welcome()
		w.quiet()
		_, err := sent.result()
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeTooLarge {
			t.Errorf("got %v, want too_large", err)
		}
	})
}

func TestNoMoreRequestsWaitThanTheOutboxTakes(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		ctx, cancel := context.WithCancel(t.Context())
		for range maxOutbox {
			go s.Channel("room").Send(ctx, "msg", 1)
		}
		synctest.Wait()
		s.send("room", 1).fails(ErrQueueFull)
		cancel()
		w.welcome()
		sent := s.send("room", 1)
		w.sent(w.hear(protocol.OpSend), "c1")
		sent.value()
	})
}

func TestSendIsRepeatedUnderTheSameIDUntilItIsAcknowledged(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		one, two := s.send("room", 1), s.send("room", 2)
		first, second := w.hear(protocol.OpSend), w.hear(protocol.OpSend)
		w.sent(first, "c1")
		one.value()
		for range 3 {
			w.fail()
			time.Sleep(leastPause)
			w = s.connect(WebSocket)
			if again := w.hear(protocol.OpSend); again.ID != second.ID {
				t.Errorf("got %s, want %q again", again.Append(nil), second.ID)
			}
			w.quiet()
		}
		two.waits()
		w.sent(second, "c2")
		if got := two.value(); got != (Receipt{second.ID, "c2"}) {
			t.Errorf("receipt: got %+v, want %q at c2", got, second.ID)
		}
	})
}

func TestNothingIsRepeatedAfterTheGatewayMayHaveForgotten(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		sent := s.send("room", 1)
		w.hear(protocol.OpSend)
		w.fail()
		time.Sleep(leastPause)
		w = s.next(WebSocket)
		for range 22 { // attempts of 5 s each that fail
			time.Sleep(laterWelcome + leastPause)
			w = s.next(WebSocket)
		}
		never := s.send("room", 2)
		w.welcome()
		sent.fails(ErrUnconfirmed)
		wantFrame(t, protocol.ClientFrame{Op: protocol.OpSend, Channel: "room", Payload: w.hear(protocol.OpSend).Payload},
			`{"op":"send","channel":"room","type":"","payload":2}`)
		never.waits()
		w.quiet()
	})
}

func TestSendThatIsGivenUp(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w := s.next(WebSocket)
		send := func() (Receipt, error) { return s.Channel("room").Send(ctx, "msg", 1) }
		unsent := call(t, send)
		time.Sleep(time.Second)
		if _, err := unsent.result(); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnconfirmed) {
			t.Errorf("before it was sent: got %v, want the context's end alone", err)
		}
		w.welcome()
		w.quiet()

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := call(t, send)
		f := w.hear(protocol.OpSend)
		time.Sleep(time.Second)
		receipt, err := sent.result()
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnconfirmed) {
			t.Errorf("after it was sent: got %v, want the context's end, and that it is not confirmed", err)
		}
		if receipt.ID != f.ID {
			t.Errorf("receipt: got %+v, want the id %q", receipt, f.ID)
		}
		cancel()
		call(t, send).fails(context.DeadlineExceeded)
		w.quiet()
	})
}

func TestRefusedSendIsTold(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		sent := s.send("room", 1)
		w.refuse(w.hear(protocol.OpSend), protocol.CodeUnavailable)
		_, err := sent.result()
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeUnavailable {
			t.Errorf("got %v, want unavailable", err)
		}
	})
}

func TestCloseRejectsWhatIsNotAnswered(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		sent := s.send("room", 1)
		w.hear(protocol.OpSend)
		unsent := s.send("room", 2)
		s.Close()
		sent.fails(ErrUnconfirmed)
		unsent.fails(ErrClosed)
		s.send("room", 3).fails(ErrClosed)
		if _, err := s.Channel("room").Subscribe(t.Context(), SubscribeOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Subscribe: got %v, want ErrClosed", err)
		}
		s.request(t.Context(), "room").fails(ErrClosed)
	})
}

// Whatever a later version's frame has for a ref, it answers nothing: the
// request's own answer does.
func TestOnlyAnAnswerEndsARequest(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		sent := s.send("room", 1)
		f := w.hear(protocol.OpSend)
		n, _ := f.Ref.Value()
		for _, op := range []string{"dance", "unsubscribed", "subscribed", "message", "join", "bye"} {
			w.say(fmt.Sprintf(`{"op":%q,"ref":%d,"channel":"room","cursor":"c1"}`, op, n))
			sent.waits()
		}
		w.sent(f, "c1")
		sent.value()
	})
}

func TestPresence(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		asked := call(t, func() (Presence, error) { return s.Channel("room").Presence(t.Context()) })
		w.hear(protocol.OpPresence)
		w.say(`{"op":"presence","ref":1,"channel":"room","clients":["alice","me"],"count":3}`)
		if got := asked.value(); len(got.Clients) != 2 || got.Count != 3 {
			t.Errorf("got %+v, want two names of three", got)
		}
	})
}
