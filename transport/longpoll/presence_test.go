package longpoll

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
)

// asks is an exchange of client's with frames behind its hello.
func asks(client string, frames ...string) string {
	return `[{"op":"hello","clientid":"` + client + `"},` + strings.Join(frames, ",") + `]`
}

const (
	presence    = `{"op":"presence","ref":4,"channel":"lobby"}`
	subscribe   = `{"op":"subscribe","ref":1,"channel":"lobby"}`
	unsubscribe = `{"op":"unsubscribe","ref":2,"channel":"lobby"}`
)

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		check(t, b.exchange(asks("alice", presence)), "welcome", "presence#4 [] of 0")
		check(t, b.exchange(asks("alice", subscribe, presence)), "welcome", "presence#4 [alice] of 1", "subscribed#1")
		check(t, b.exchange(asks("bob", presence)), "welcome", "presence#4 [alice] of 1")
		check(t, b.exchange(asks("bob", `{"op":"presence","channel":"lobby"}`)), "welcome", "presence [alice] of 1")
		check(t, b.exchange(asks("bob", `{"op":"presence","ref":4,"channel":"10.0.0.1_lobby"}`)), "welcome", "error#4 forbidden")
	})
}

func TestHeldUntilSomebodyComesOrGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.place("lobby") // "placer" is there now
		answer := b.start(resume("alice", "lobby", since))
		isHeld(t, answer)
		bob := b.start(resume("bob", "lobby", since))
		got := <-answer
		check(t, got, "subscribed#1", "join bob")
		if got[0].Cursor != since || got[1].Channel != "lobby" {
			t.Errorf("got %+v, want cursor %s and the channel", got, since)
		}
		isHeld(t, bob)

		begin := time.Now()
		check(t, <-b.start(resume("alice", "lobby", since)), "subscribed#1", "leave placer")
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("told after %v, want 5s", took)
		}
		check(t, <-bob, "subscribed#1", "leave placer")
	})
}

// A watcher is told who else comes and goes in a channel.
type watcher struct {
	t    *testing.T
	l    *hub.Listener
	wake transport.Signal
}

func (b *bench) watch(channel, clientID string) *watcher {
	b.t.Helper()
	w := &watcher{b.t, nil, make(transport.Signal, 1)}
	var err error
	if w.l, err = b.hub.Listen(b.t.Context(), channel, hub.ListenOptions{ClientID: clientID, Presence: true, Wake: w.wake.Wake}); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(w.l.Close)
	return w
}

// next waits for what is told next.
func (w *watcher) next() []protocol.ServerFrame {
	w.t.Helper()
	select {
	case <-w.wake:
	case <-time.After(time.Minute):
		w.t.Fatal("nothing was told")
	}
	var frames []protocol.ServerFrame
	for _, text := range w.l.Events(nil) {
		f, err := protocol.DecodeServer(text)
		if err != nil {
			w.t.Fatalf("event %s: %v", text, err)
		}
		frames = append(frames, f)
	}
	return frames
}

// TestPauseBetweenExchangesGoesUnnoticed: a client that comes again and again
// is there all the while.
func TestPauseBetweenExchangesGoesUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		w := b.watch("lobby", "")
		since := b.exchange(asks("alice", subscribe))[1].Cursor
		check(t, w.next(), "join alice")
		for range 5 {
			time.Sleep(4 * time.Second)
			check(t, b.exchange(resume("alice", "lobby", since))) // held to its end
		}
		time.Sleep(4 * time.Second)
		ctx, abort := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.do(ctx, resume("alice", "lobby", since))
		}()
		synctest.Wait()
		abort()
		<-done
		last := time.Now()
		check(t, w.next(), "leave alice")
		if took := time.Since(last); took != 5*time.Second {
			t.Errorf("told %v after the last exchange, want 5s", took)
		}
	})
}

func TestUnsubscribeIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		begin := time.Now()
		check(t, b.exchange(asks("alice", subscribe)), "welcome", "subscribed#1")
		check(t, b.exchange(asks("bob", presence)), "welcome", "presence#4 [alice] of 1")
		check(t, b.exchange(asks("alice", unsubscribe)), "welcome", "unsubscribed#2")
		check(t, b.exchange(asks("bob", presence)), "welcome", "presence#4 [] of 0")
		check(t, b.exchange(asks("alice", subscribe, unsubscribe)), "welcome", "unsubscribed#2")
		check(t, b.exchange(asks("bob", presence)), "welcome", "presence#4 [] of 0")
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v, want no time", took)
		}
	})
}

// TestAnswerHasWhatWasToBeTold: who has come while an exchange was carried out
// is in its "presence", and not told again.
func TestAnswerHasWhatWasToBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{StoreTimeout: time.Second}, memory.Config{})
		b.watch("lobby", "carol")
		b.store.set(nil, true) // the send waits for it
		answer := b.start(asks("alice", subscribe, `{"op":"send","ref":3,"channel":"lobby"}`, presence))
		b.watch("lobby", "bob")
		isHeld(t, answer)
		check(t, <-answer, "welcome", "error#3 unavailable", "presence#4 [alice bob carol] of 3", "subscribed#1")
	})
}

// TestJoinStandsBeforeMessages in an answer with both.
func TestJoinStandsBeforeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, transport.Limits{}, memory.Config{})
		since := b.exchange(asks("alice", subscribe))[1].Cursor
		alice := b.start(resume("alice", "lobby", since))
		b.watch("lobby", "bob")
		check(t, <-alice, "subscribed#1", "join bob")
		alice = b.start(resume("alice", "lobby", since))
		b.watch("lobby", "carol") // to be told with what else comes in a while
		isHeld(t, alice)
		b.publish("lobby", "carol", "1")
		check(t, <-alice, "subscribed#1", "join carol", "message 1")
	})
}
