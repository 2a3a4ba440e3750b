package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

func TestWebSocketIsTrustedOnlyAfterItsWelcome(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		ping := call(t, func() (time.Duration, error) { return s.Ping(t.Context()) })
		w.quiet()
		if got := s.Transport(); got != "" {
			t.Errorf("before the welcome: got %q, want no transport", got)
		}
		w.welcome()
		if got := s.Transport(); got != WebSocket {
			t.Errorf("after the welcome: got %q, want %q", got, WebSocket)
		}
		w.pong(w.hear(protocol.OpPing))
		ping.value()
	})
}

func TestFirstWelcomeHas2500MillisecondsLaterOnes5Seconds(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		for _, within := range []time.Duration{2500 * time.Millisecond, 5 * time.Second, 5 * time.Second} {
			w := s.next(WebSocket)
			time.Sleep(within - time.Millisecond)
			synctest.Wait()
			if w.cause() != nil {
				t.Errorf("dropped before %v", within)
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if !errors.Is(w.cause(), errDropped) {
				t.Errorf("after %v: got cause %v, want it dropped", within, w.cause())
			}
			time.Sleep(leastPause)
		}
	})
}

func TestWebSocketThatFailsIsFollowedByLongPollAtOnce(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		s.next(WebSocket).fail()
		s.connect(LongPoll)
		if got := s.Transport(); got != LongPoll {
			t.Errorf("got %q, want %q", got, LongPoll)
		}
	})
}

func TestTransportRestrictsWhatIsTried(t *testing.T) {
	for _, kind := range []Transport{WebSocket, LongPoll} {
		play(t, Options{Transport: kind}, func(t *testing.T, s *stage) {
			for range 3 {
				s.next(kind).fail()
				time.Sleep(leastPause)
			}
			s.connect(kind)
			s.none(20 * time.Second) // before a WebSocket's silence is out
		})
	}
}

func TestWebSocketIsTriedAgainBesideLongPoll(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		poll := s.poll()
		time.Sleep(leastPause)
		s.connect(WebSocket)
		if got := s.Transport(); got != WebSocket || !errors.Is(poll.cause(), errDropped) {
			t.Errorf("got %q and a long-poll that ended with %v, want %q alone", got, poll.cause(), WebSocket)
		}
		s.none(20 * time.Second) // before its silence is out
	})
}

func TestDeadGatewayDoesNotMakeWebSocketBlocked(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		for range 5 {
			s.next(WebSocket).fail()
			s.next(LongPoll).fail()
			time.Sleep(leastPause)
		}
		s.connect(WebSocket)
	})
}

// blockWebSocket has WebSocket fail three times while long-poll works.
func blockWebSocket(s *stage) *way {
	s.t.Helper()
	poll := s.poll()
	for range 2 {
		time.Sleep(leastPause)
		s.next(WebSocket).fail()
		poll.pong(poll.hear(protocol.OpPing))
	}
	return poll
}

func TestWebSocketIsBlockedAfterThreeFailuresWhileLongPollWorks(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		poll := blockWebSocket(s)
		s.none(leastPause - time.Millisecond) // the try that was due
		time.Sleep(time.Millisecond)
		s.next(WebSocket).fail()
		poll.pong(poll.hear(protocol.OpPing))
		for range 3 {
			s.none(5*time.Minute - time.Millisecond)
			time.Sleep(time.Millisecond)
			s.next(WebSocket).fail()
			poll.pong(poll.hear(protocol.OpPing))
		}
		poll.fail()
		time.Sleep(leastPause)
		s.connect(LongPoll) // first, since WebSocket is blocked
	})
}

func TestWhereWebSocketIsBlockedAndLongPollFailsBothAreTried(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		blockWebSocket(s).fail()
		time.Sleep(leastPause)
		s.next(LongPoll).fail()
		time.Sleep(leastPause)
		s.next(WebSocket)
		s.next(LongPoll)
	})
}

func TestThreeShortLivesLeadToLongPoll(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		for range 3 {
			w := s.connect(WebSocket)
			time.Sleep(20 * time.Second)
			w.fail()
			time.Sleep(leastPause)
		}
		s.connect(LongPoll)
	})
}

func TestShortLivesThatWereUsefulAreNoBadSign(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		for range 5 {
			w := s.connect(WebSocket)
			w.message("room", 1)
			w.fail()
			time.Sleep(leastPause)
		}
		s.connect(WebSocket)
	})
}

func TestShortLivesThatTheGatewayEndedAreNoBadSign(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		for range 5 {
			s.connect(WebSocket).close(protocol.CloseTooSlow)
			time.Sleep(leastPause)
		}
		s.connect(WebSocket)
	})
}

func TestWebSocketThatTheGatewayClosesBeforeItsWelcomeIsNotBlocked(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		s.next(WebSocket).close(protocol.CloseUnavailable)
		s.none(leastPause - time.Millisecond)
		time.Sleep(time.Millisecond)
		s.connect(WebSocket)
	})
}

func TestWhereBothAreTriedAndWebSocketIsWelcomedLongPollIsDropped(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		blockWebSocket(s).fail()
		time.Sleep(leastPause)
		s.next(LongPoll).fail()
		time.Sleep(leastPause)
		s.connect(WebSocket)
		if poll := s.next(LongPoll); !errors.Is(poll.cause(), errDropped) {
			t.Errorf("long-poll: got cause %v, want it dropped", poll.cause())
		}
	})
}

func TestSilentWebSocketIsAskedForAWord(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		time.Sleep(24 * time.Second)
		w.p.in(nil) // a ping of the gateway's
		time.Sleep(25 * time.Second)
		w.quiet()
		time.Sleep(time.Second)
		w.pong(w.hear(protocol.OpPing))
		time.Sleep(25 * time.Second)
		w.hear(protocol.OpPing)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if !errors.Is(w.cause(), errDropped) {
			t.Errorf("without an answer: got cause %v, want it dropped", w.cause())
		}
		time.Sleep(leastPause)
		s.connect(WebSocket)
	})
}

func TestAfterACutSilenceIsBorneHalfAsLong(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		s.connect(WebSocket).fail()
		for _, silence := range []time.Duration{12500 * time.Millisecond, 6250 * time.Millisecond, 5 * time.Second, 5 * time.Second} {
			time.Sleep(leastPause)
			w := s.connect(WebSocket)
			time.Sleep(silence - 1)
			w.quiet()
			time.Sleep(time.Nanosecond)
			w.hear(protocol.OpPing)
			w.fail()
		}
	})
}

func TestSendWithoutAnswerIn5SecondsHasTheWebSocketAskedForAWord(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		sent := s.send("room", 1)
		f := w.hear(protocol.OpSend)
		time.Sleep(5*time.Second - 1)
		w.quiet()
		time.Sleep(time.Nanosecond)
		w.pong(w.hear(protocol.OpPing))
		w.sent(f, "c1")
		sent.value()
	})
}

func TestPausesHaveFullJitter(t *testing.T) {
	b := Options{}.withDefaults().Backoff
	for failures, seconds := range []int{2, 4, 8, 16, 20, 20, 20} {
		most := time.Duration(seconds) * time.Second
		if got := b.pause(func() float64 { return 0 }, failures); got != 500*time.Millisecond {
			t.Errorf("least pause after %d failures: got %v, want 500ms", failures, got)
		}
		if got := b.pause(func() float64 { return 1 }, failures); got != most {
			t.Errorf("longest pause after %d failures: got %v, want %v", failures, got, most)
		}
	}
	for _, failures := range []int{60, 1 << 40} {
		if got := b.pause(func() float64 { return 1 }, failures); got != 20*time.Second {
			t.Errorf("after %d failures: got %v, want 20s", failures, got)
		}
	}
	if got := b.jitter(func() float64 { return 0 }); got <= 0 {
		t.Errorf("jitter: got %v, want more than nothing", got)
	}
}

func TestPausesGrowUntilAConnectionIsUseful(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		s.loop.do(func() { s.loop.random = func() float64 { return 1 } })
		for _, pause := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
			s.connect(WebSocket).fail()
			s.none(pause - 1)
			time.Sleep(time.Nanosecond)
		}
		w := s.connect(WebSocket)
		w.message("room", 1)
		w.fail()
		s.none(2*time.Second - 1)
		time.Sleep(time.Nanosecond)
		s.connect(WebSocket)
	})
}

func TestGatewaysWordOnWhenToComeBackGoesFirst(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		w.say(`{"op":"bye","reason":"draining","retry":7000}`)
		w.close(protocol.CloseDraining)
		s.none(7 * time.Second)
		time.Sleep(atOnce)
		s.connect(WebSocket).close(protocol.CloseTooSlow) // the word holds once
		time.Sleep(leastPause)
		s.connect(WebSocket)
	})
}

func TestRetryAfterOfAnHTTPAnswerIsTheGatewaysWord(t *testing.T) {
	play(t, Options{Transport: LongPoll}, func(t *testing.T, s *stage) {
		s.next(LongPoll).end <- &lostError{code: closeAbnormal, retry: 9 * time.Second, err: errors.New("503")}
		s.none(9 * time.Second)
		time.Sleep(atOnce)
		s.connect(LongPoll)
	})
}

func TestCloseCodesTellWhenToComeBack(t *testing.T) {
	for _, tt := range []struct {
		name  string
		code  protocol.CloseCode
		pause time.Duration
	}{
		{"draining", 4000, atOnce},
		{"another of its class", 4099, atOnce},
		{"too slow", 4100, leastPause},
		{"another of its class", 4199, leastPause},
		{"normal", 1000, leastPause},
		{"unknown", 4300, leastPause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
				s.connect(WebSocket).close(tt.code)
				s.none(tt.pause - 1)
				time.Sleep(time.Nanosecond)
				s.connect(WebSocket)
			})
		})
	}
}

func TestGatewayThatSendsEverybodyAwayAgainIsLeftAlone(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		s.connect(WebSocket).close(protocol.CloseDraining)
		time.Sleep(atOnce)
		s.connect(WebSocket).close(protocol.CloseDraining)
		s.none(leastPause - 1)
	})
}

func TestFinalCloseCodesEndTheClient(t *testing.T) {
	for _, code := range []protocol.CloseCode{4200, 4201, 4202, 4203, 4204, 4299} {
		play(t, Options{}, func(t *testing.T, s *stage) {
			w := s.connect(WebSocket)
			room := s.subscribe(w, "room", SubscribeOptions{})
			sent, asked := s.send("room", 1), s.request(t.Context(), "room")
			w.hear(protocol.OpSend)
			w.close(code)
			s.none(time.Hour)
			refused, ok := errors.AsType[*RefusedError](s.Err())
			if !ok || refused.Code != code {
				t.Errorf("%d: got %v, want a RefusedError", code, s.Err())
			}
			sent.fails(s.Err())
			asked.fails(s.Err())
			room.want(s.Err().Error())
			s.send("room", 2).fails(s.Err())
			<-s.Done()
		})
	}
}

func TestRefusalBeforeTheWelcomeEndsTheClient(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		s.next(WebSocket).close(protocol.CloseUnauthorized)
		s.none(time.Hour)
		if refused, ok := errors.AsType[*RefusedError](<-s.loop.first); !ok || refused.Code != 4201 {
			t.Errorf("got %v, want a RefusedError with 4201", refused)
		}
	})
}

func TestExpiredTokenIsRenewedOnce(t *testing.T) {
	asked := 0
	opts := Options{Token: func(context.Context) (string, error) {
		asked++
		return strings.Repeat("t", asked), nil
	}}
	play(t, opts, func(t *testing.T, s *stage) {
		s.connect(WebSocket).close(protocol.CloseTokenExpired)
		time.Sleep(leastPause)
		w := s.connect(WebSocket)
		wantFrame(t, w.hello, `{"op":"hello","clientid":"me","token":"tt"}`)
		w.close(protocol.CloseTokenExpired)
		time.Sleep(leastPause)
		s.next(WebSocket).close(protocol.CloseTokenExpired) // the new one
		s.none(time.Hour)
		if refused, ok := errors.AsType[*RefusedError](s.Err()); !ok || refused.Code != protocol.CloseTokenExpired {
			t.Errorf("got %v, want a RefusedError", s.Err())
		}
	})
}

func TestTokenThatCannotBeHadIsAFailedAttempt(t *testing.T) {
	fault := errors.New("no token today")
	tries := 0
	opts := Options{Transport: WebSocket, Token: func(context.Context) (string, error) {
		if tries++; tries == 1 {
			return "", fault
		}
		return "t", nil
	}}
	play(t, opts, func(t *testing.T, s *stage) {
		s.next(WebSocket)
		if err := <-s.loop.first; !errors.Is(err, fault) {
			t.Errorf("got %v, want %v", err, fault)
		}
		time.Sleep(leastPause)
		s.connect(WebSocket)
	})
}

func TestTimeForTheWelcomeBeginsWithTheToken(t *testing.T) {
	const took = 20 * time.Second
	opts := Options{Token: func(context.Context) (string, error) {
		time.Sleep(took)
		return "t", nil
	}}
	play(t, opts, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		time.Sleep(took + firstWelcome - 1)
		if w.cause() != nil {
			t.Error("dropped before its time")
		}
		time.Sleep(time.Nanosecond)
		if !errors.Is(w.cause(), errDropped) {
			t.Errorf("got cause %v, want it dropped", w.cause())
		}
	})
}

func TestTokenHas30Seconds(t *testing.T) {
	opts := Options{Transport: WebSocket, Token: func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}}
	play(t, opts, func(t *testing.T, s *stage) {
		began := time.Now()
		err := <-s.loop.first
		if took := time.Since(began); took != tokenAnswer || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v after %v, want it to fail after %v", err, took, tokenAnswer)
		}
	})
}

func TestClientIDIsTheOneOfTheWelcome(t *testing.T) {
	play(t, Options{ClientID: "wish"}, func(t *testing.T, s *stage) {
		w := s.next(WebSocket)
		w.say(`{"op":"welcome","clientid":"subject","version":1,"ping":25,"max_message":65536}`)
		if got := s.ClientID(); got != "subject" {
			t.Errorf("got %q, want the welcome's", got)
		}
		w.fail()
		time.Sleep(leastPause)
		wantFrame(t, s.connect(WebSocket).hello, `{"op":"hello","clientid":"subject"}`)
	})
}

func TestCloseSaysGoodbye(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		s.Close()
		if _, ok := errors.AsType[*leaving](w.cause()); !ok || !errors.Is(s.Err(), ErrClosed) {
			t.Errorf("got cause %v and %v, want a goodbye and ErrClosed", w.cause(), s.Err())
		}
		s.Close() // again
		s.none(time.Hour)
	})
}

func TestGoodbyeNamesTheChannels(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		s.subscribe(w, "room", SubscribeOptions{})
		gone := s.subscribe(w, "gone", SubscribeOptions{})
		gone.sub.Close()
		w.hear(protocol.OpUnsubscribe)
		asked := s.request(t.Context(), "bots")
		w.subscribed(w.hear(protocol.OpSubscribe), "c0")
		w.hear(protocol.OpSend)
		s.Close()
		asked.fails(ErrClosed)
		goodbye, _ := errors.AsType[*leaving](w.cause())
		if goodbye == nil || len(goodbye.frames) != 2 {
			t.Fatalf("got %+v, want a goodbye for two channels", goodbye)
		}
		wantFrame(t, goodbye.frames[0], `{"op":"unsubscribe","channel":"bots"}`)
		wantFrame(t, goodbye.frames[1], `{"op":"unsubscribe","channel":"room"}`)
	})
}

func TestFramesOfANewerGatewayAreIgnored(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.connect(WebSocket)
		w.say(`{"op":"dance"}`, `{"op":"error","code":"odd","message":"?"}`, `{"op":"sent","ref":99,"id":"x","cursor":"c"}`)
		room := s.subscribe(w, "room", SubscribeOptions{})
		w.say(`{"op":"message","channel":"room","cursor":"c1","id":"m1","type":"msg","payload":1,"new":{}}`)
		room.want("1")
	})
}
