package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/gateway"
	"github.com/commchannel/gateway/protocol/client"
)

func TestBlockedWebSocketIsReplacedByLongPoll(t *testing.T) {
	s := serve(t, gateway.Config{})
	p := between(t, s)
	p.set(true, false)
	c, other := dial(t, p.url, quick("c")), dial(t, s.url, quick("other"))
	if got := c.Transport(); got != client.LongPoll {
		t.Fatalf("got %q, want %q", got, client.LongPoll)
	}
	sub := subscribe(t, c, "room", client.SubscribeOptions{})
	send := func(text string) {
		if _, err := other.Channel("room").Send(t.Context(), "msg", text); err != nil {
			t.Fatal(err)
		}
	}
	send("one")
	wantTexts(t, texts(t, sub, 1), []string{"one"})
	if _, err := c.Channel("room").Send(t.Context(), "msg", "mine"); err != nil {
		t.Fatal(err)
	}
	send("two")
	wantTexts(t, texts(t, sub, 1), []string{"two"})
}

// TestBackToWebSocket: as soon as WebSockets come through again, the client is
// on one, and has lost nothing.
func TestBackToWebSocket(t *testing.T) {
	s := serve(t, gateway.Config{})
	p := between(t, s)
	p.set(true, false)
	opts := quick("c")
	opts.Backoff = client.Backoff{Min: 200 * time.Millisecond}
	c, other := dial(t, p.url, opts), dial(t, s.url, quick("other"))
	sub := subscribe(t, c, "room", client.SubscribeOptions{})
	p.set(false, false)
	var want, got []string
	for n := 0; c.Transport() != client.WebSocket; n++ {
		want = append(want, fmt.Sprint(n))
		if _, err := other.Channel("room").Send(t.Context(), "msg", want[n]); err != nil {
			t.Fatal(err)
		}
		got = append(got, texts(t, sub, 1)...)
	}
	wantTexts(t, got, want)
}

// TestWebSocketThatOpensAndSaysNothing: some proxies accept the upgrade and
// lose what comes behind it.
func TestWebSocketThatOpensAndSaysNothing(t *testing.T) {
	s := serve(t, gateway.Config{})
	p := between(t, s)
	p.set(false, true)
	began := time.Now()
	c := dial(t, p.url, quick("c"))
	if got := c.Transport(); got != client.LongPoll {
		t.Errorf("got %q after %v, want %q", got, time.Since(began), client.LongPoll)
	}
}

// TestGatewayThatStopsIsComeBackTo: the memory goes with the gateway, which is
// told.
func TestGatewayThatStopsIsComeBackTo(t *testing.T) {
	for _, kind := range transports {
		t.Run(string(kind), func(t *testing.T) {
			s := serve(t, gateway.Config{Grace: 200 * time.Millisecond})
			c := dial(t, s.url, over(kind, quick("c")))
			sub := subscribe(t, c, "room", client.SubscribeOptions{Echo: true})
			if _, err := c.Channel("room").Send(t.Context(), "msg", "before"); err != nil {
				t.Fatal(err)
			}
			wantTexts(t, texts(t, sub, 1), []string{"before"})
			s.stop()
			sent := make(chan error, 1)
			go func() {
				_, err := c.Channel("room").Send(t.Context(), "msg", "meanwhile")
				sent <- err
			}()
			serve(t, gateway.Config{Listen: []string{s.addr}})
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			var got []string
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for m, err := range sub.Messages(ctx) {
				if _, gap := errors.AsType[*client.GapError](err); gap {
					got = append(got, "gap")
					continue
				} else if err != nil {
					t.Fatal(err)
				}
				text, _ := client.Payload[string](m)
				got = append(got, text)
				break
			}
			wantTexts(t, got, []string{"gap", "meanwhile"})
		})
	}
}

// TestSlowReaderLosesNothing: its buffer is smaller than what comes, and others
// are not held up.
func TestSlowReaderLosesNothing(t *testing.T) {
	for _, kind := range transports {
		t.Run(string(kind), func(t *testing.T) {
			s := serve(t, gateway.Config{})
			sender, reader := dial(t, s.url, quick("sender")), dial(t, s.url, over(kind, quick("reader")))
			slow := subscribe(t, reader, "room", client.SubscribeOptions{Buffer: 3})
			other := subscribe(t, reader, "other", client.SubscribeOptions{})
			var want []string
			for n := range 100 {
				want = append(want, fmt.Sprint(n))
				if _, err := sender.Channel("room").Send(t.Context(), "msg", want[n]); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := sender.Channel("other").Send(t.Context(), "msg", "quick"); err != nil {
				t.Fatal(err)
			}
			wantTexts(t, texts(t, other, 1), []string{"quick"})
			wantTexts(t, texts(t, slow, 100), want)
		})
	}
}
