package client

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A watching reads a client's states, and keeps them as texts.
type watching struct {
	t    *testing.T
	told []string
	done chan struct{}
}

func (s *stage) watch(ctx context.Context) *watching {
	w := &watching{t: s.t, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for state := range s.States(ctx) {
			w.told = append(w.told, stateText(state))
		}
	}()
	return w
}

func stateText(s State) string {
	text := string(s.Status)
	if s.Transport != "" {
		text += " over " + string(s.Transport)
	}
	if s.Err != nil {
		text += ": " + s.Err.Error()
	}
	return text
}

// want wants these states to have been told since it was asked last.
func (w *watching) want(want ...string) {
	w.t.Helper()
	synctest.Wait()
	if fmt.Sprintf("%q", w.told) != fmt.Sprintf("%q", want) {
		w.t.Errorf("states: got %q, want %q", w.told, want)
	}
	w.told = nil
}

func (w *watching) ends() {
	w.t.Helper()
	synctest.Wait()
	select {
	case <-w.done:
	default:
		w.t.Error("the states go on, want their end")
	}
}

func TestStatesTellHowTheClientFares(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.watch(t.Context())
		w.want("connecting")
		s.next(WebSocket).fail()
		w.want("connecting: the test ends it")
		poll := s.connect(LongPoll)
		w.want("connected over longpoll")
		time.Sleep(leastPause)
		socket := s.connect(WebSocket)
		w.want("connected over websocket")
		poll.cause() // it is gone, which is nobody's loss
		w.want()
		socket.close(protocol.CloseTooSlow)
		w.want("reconnecting: close code 4100: the test ends it")
		time.Sleep(leastPause)
		s.next(WebSocket).fail()
		w.want("reconnecting: the test ends it")
		s.next(LongPoll).fail()
		w.want("reconnecting: the test ends it")
		time.Sleep(leastPause)
		s.connect(WebSocket)
		w.want("connected over websocket")
		s.Close()
		w.want("closed: client: closed")
		w.ends()
		if got := s.State(); got != (State{Status: Closed, Err: ErrClosed}) {
			t.Errorf("got %+v, want it closed", got)
		}
	})
}

func TestStatesEndWithARefusal(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		w := s.watch(t.Context())
		s.connect(WebSocket).close(protocol.CloseUnauthorized)
		w.want("connecting", "connected over websocket", "closed: client: refused by the gateway (4201): the test ends it")
		w.ends()
		late := s.watch(t.Context())
		late.want("closed: client: refused by the gateway (4201): the test ends it")
		late.ends()
	})
}

func TestStatesEndWithTheirContextOrLoop(t *testing.T) {
	play(t, Options{}, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithCancel(t.Context())
		w := s.watch(ctx)
		w.want("connecting")
		cancel()
		w.ends()
		for state := range s.States(t.Context()) {
			if state.Status != Connecting {
				t.Errorf("got %+v, want it connecting", state)
			}
			break
		}
	})
}

// Who takes long over one state is told the newest one next, and may end the
// client meanwhile.
func TestStatesOfASlowReader(t *testing.T) {
	play(t, Options{Transport: WebSocket}, func(t *testing.T, s *stage) {
		var told []string
		for state := range s.States(t.Context()) {
			told = append(told, stateText(state))
			if len(told) == 1 {
				s.connect(WebSocket).fail()
				time.Sleep(leastPause)
				s.connect(WebSocket)
			} else {
				s.Close()
			}
		}
		if want := `["connecting" "connected over websocket" "closed: client: closed"]`; fmt.Sprintf("%q", told) != want {
			t.Errorf("got %q, want %s", told, want)
		}
	})
}
