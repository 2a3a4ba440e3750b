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

// asks makes a request that waits for its reply: f has been sent.
func (s *stage) asks(ctx context.Context, w *way) (asked *calling[*Message], f protocol.ClientFrame) {
	s.t.Helper()
	asked = s.request(ctx, "room")
	w.subscribed(w.hear(protocol.OpSubscribe), "c0")
	return asked, w.hear(protocol.OpSend)
}

func replyTo(f protocol.ClientFrame) string { return fmt.Sprintf(`"reply_to":%q`, f.ID) }

func TestRequestSubscribesSendsAndWaitsForItsReply(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		asked := s.request(t.Context(), "room")
		f := w.hear(protocol.OpSubscribe)
		w.quiet() // the answer must not come before somebody listens
		w.subscribed(f, "c0")
		f = w.hear(protocol.OpSend)
		w.message("room", 1)
		w.message("room", 2, `"reply_to":"another's"`)
		w.sent(f, "c3")
		asked.waits()
		w.message("room", 4, replyTo(f))
		w.message("room", 5, replyTo(f))
		if got := asked.value(); got.ID != "m4" {
			t.Errorf("got %+v, want the first reply", got)
		}
	})
}

func TestReplyMayComeBeforeTheAcknowledgement(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		asked, f := s.asks(t.Context(), w)
		w.message("room", 1, replyTo(f))
		asked.value()
		w.sent(f, "c0")
	})
}

func TestRequestUsesTheSubscriptionThereIs(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{})
		asked := s.request(t.Context(), "room")
		w.message("room", 1, replyTo(w.hear(protocol.OpSend)))
		asked.value()
		room.want("1") // nothing is left out
		w.quiet()
	})
}

func TestReplyIsFoundOverAReconnect(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		asked, f := s.asks(t.Context(), w)
		w.sent(f, "c1")
		w, subscribe := resubscribe(s, w)
		wantFrame(t, subscribe, `{"op":"subscribe","channel":"room","since":"c0"}`)
		w.quiet() // it was acknowledged
		w.subscribed(subscribe, "c0", recovered)
		w.message("room", 2, replyTo(f))
		asked.value()
	})
}

func TestChannelIsKeptForTheNextRequestAWhile(t *testing.T) {
	play(t, Options{Transport: LongPoll}, func(t *testing.T, s *stage) {
		w := s.connect(LongPoll)
		asked, f := s.asks(t.Context(), w)
		w.message("room", 1, replyTo(f))
		asked.value()
		time.Sleep(linger - 1)
		asked = s.request(t.Context(), "room")
		w.message("room", 2, replyTo(w.hear(protocol.OpSend)))
		asked.value()
		time.Sleep(linger - 1)
		w.quiet()
		time.Sleep(time.Nanosecond)
		w.hear(protocol.OpUnsubscribe)
	})
}

func TestSubscribeFromNowOnJoinsWhatARequestHears(t *testing.T) {
	play(t, Options{Transport: LongPoll}, func(t *testing.T, s *stage) {
		w := s.connect(LongPoll)
		asked, f := s.asks(t.Context(), w)
		w.message("room", 1)
		sub, err := s.Channel("room").Subscribe(t.Context(), SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w.message("room", 2, replyTo(f))
		asked.value()
		time.Sleep(2 * linger)
		w.quiet()
		w.message("room", 3)
		(&reading{t, sub}).want("2", "3")
	})
}

func TestSubscribeThatBeginsElsewhereWaitsForRequests(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		asked, f := s.asks(t.Context(), w)
		c := call(t, func() (*Subscription, error) {
			return s.Channel("room").Subscribe(t.Context(), SubscribeOptions{History: 2})
		})
		next := s.request(t.Context(), "room") // has its turn behind
		w.quiet()
		w.message("room", 1, replyTo(f))
		asked.value()
		w.hear(protocol.OpUnsubscribe)
		subscribe := w.hear(protocol.OpSubscribe)
		wantFrame(t, subscribe, `{"op":"subscribe","channel":"room","history":2}`)
		w.subscribed(subscribe, "c1")
		w.message("room", 1)
		w.message("room", 2, replyTo(w.hear(protocol.OpSend)))
		next.value()
		(&reading{t, c.value()}).want("1", "2")
	})
}

// A reader that asks, and reads on when it has its answer, must get it though
// its buffer is full.
func TestReplyIsFoundWhileTheReaderIsBehind(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		room := s.subscribe(w, "room", SubscribeOptions{Buffer: 1})
		asked := s.request(t.Context(), "room")
		f := w.hear(protocol.OpSend)
		w.message("room", 1)
		w.message("room", 2)
		w.message("room", 3, replyTo(f))
		asked.value()
		w.hear(protocol.OpUnsubscribe)

		// Now it is behind before it asks.
		asked = s.request(t.Context(), "room")
		subscribe := w.hear(protocol.OpSubscribe)
		wantFrame(t, subscribe, `{"op":"subscribe","channel":"room","since":"c3"}`)
		w.subscribed(subscribe, "c3", recovered)
		w.message("room", 4, replyTo(w.hear(protocol.OpSend)))
		asked.value()
		w.hear(protocol.OpUnsubscribe)
		room.want("1")
		wantFrame(t, w.hear(protocol.OpSubscribe), `{"op":"subscribe","channel":"room","since":"c1"}`)
	})
}

func TestRequestThatNobodyAnswers(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked, f := s.asks(ctx, w)
		w.sent(f, "c1")
		time.Sleep(time.Second)
		_, err := asked.result()
		if _, gap := errors.AsType[*GapError](err); gap || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnconfirmed) {
			t.Errorf("got %v, want the context's end alone", err)
		}
	})
}

func TestRequestTellsThatItsReplyMayBeMissing(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		asked, f := s.asks(ctx, w)
		w.sent(f, "c1")
		w.say(`{"op":"gap","channel":"room","cursor":"c9"}`)
		asked.waits() // it may come yet
		time.Sleep(time.Second)
		_, err := asked.result()
		if _, gap := errors.AsType[*GapError](err); !gap || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's end and the gap", err)
		}
	})
}

func TestRequestThatIsRefused(t *testing.T) {
	for _, op := range []protocol.Op{protocol.OpSubscribe, protocol.OpSend} {
		play(t, Options{Transport: LongPoll}, func(t *testing.T, s *stage) {
			w := s.connect(LongPoll)
			asked := s.request(t.Context(), "room")
			f := w.hear(protocol.OpSubscribe)
			if op == protocol.OpSend {
				w.subscribed(f, "c0")
				f = w.hear(op)
			}
			w.refuse(f, protocol.CodeForbidden)
			if _, err := asked.result(); err == nil {
				t.Errorf("%s: got no error", op)
			}
			time.Sleep(2 * linger)
			synctest.Wait()
			s.loop.do(func() {
				if n := len(s.loop.topics) + len(s.loop.outbox); n > 0 {
					t.Errorf("%s: %d things are left", op, n)
				}
			})
		})
	}
}
