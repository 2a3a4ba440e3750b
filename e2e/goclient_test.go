package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol/client"
)

// A goClient is a client of package protocol/client with one subscription,
// which it reads all the time.
type goClient struct {
	*client.Client
	heard journal[string] // payloads, or "gap"
}

func joinGo(t *testing.T, g *gateway, id, channel string, kind client.Transport) *goClient {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, g.url("/channel"), client.Options{
		ClientID: id, Transport: kind, Backoff: client.Backoff{Min: 10 * time.Millisecond, Max: retryPause},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	sub, err := c.Channel(channel).Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gc := &goClient{Client: c}
	inBackground(t, func(ctx context.Context) {
		for m, err := range sub.Messages(ctx) {
			if err != nil {
				gc.heard.add(err.Error())
				continue
			}
			text, err := client.Payload[string](m)
			if err != nil {
				text = err.Error()
			}
			gc.heard.add(text)
		}
	})
	return gc
}

func (c *goClient) await(t *testing.T, text string) {
	t.Helper()
	c.heard.first(t, c.ClientID()+"'s message "+text, 0, func(s string) bool { return s == text })
}

var goTransports = []client.Transport{client.WebSocket, client.LongPoll}

// TestGoClientOverKills: the gateway dies three times, without a word, while
// PHP and a Go client send. What is read in Go is all of it, once, in order.
func TestGoClientOverKills(t *testing.T) {
	for _, kind := range goTransports {
		t.Run(string(kind), func(t *testing.T) {
			const channel, some = "killed", 20
			m := startMemcached(t)
			g := onMemcached(t, m.Addr)
			fromPHP, fromGo := joinGo(t, g, "reader", channel, kind), joinGo(t, g, "reader2", "go-killed", kind)
			sender := joinGo(t, g, "sender", "go-killed", kind)
			php := startSteady(t, m, channel)
			var sent journal[string]
			stop := inBackground(t, func(ctx context.Context) {
				text := fmt.Sprintf("go %d", sent.len())
				if _, err := sender.Channel("go-killed").Send(context.WithoutCancel(ctx), "msg", text); err != nil {
					t.Errorf("%s: %v", text, err)
					<-ctx.Done()
					return
				}
				sent.add(text)
				pause(ctx, sendPause)
			})
			for range 3 {
				php.awaitMore(t, some)
				sent.atLeast(t, "Go's next messages", sent.len()+some)
				g.kill()
				php.awaitMore(t, some)
				g.start(t)
			}
			sent.atLeast(t, "Go's last messages", sent.len()+some)
			stop()
			bySteady := php.end(t)
			fromPHP.await(t, bySteady[len(bySteady)-1])
			wantTexts(t, "the reader of PHP's", fromPHP.heard.all(), bySteady)
			byGo := sent.all()
			fromGo.await(t, byGo[len(byGo)-1])
			wantTexts(t, "the reader of Go's", fromGo.heard.all(), byGo)
		})
	}
}

// TestGoClientOverRestarts: a gateway that is asked to end sends its clients
// away, and they come back.
func TestGoClientOverRestarts(t *testing.T) {
	for _, kind := range goTransports {
		t.Run(string(kind), func(t *testing.T) {
			m := startMemcached(t)
			g := onMemcached(t, m.Addr, "--grace", "2s")
			reader, sender := joinGo(t, g, "reader", "room", kind), joinGo(t, g, "sender", "room", kind)
			var want []string
			for n := range 3 {
				text := fmt.Sprint(n)
				want = append(want, text)
				if _, err := sender.Channel("room").Send(t.Context(), "msg", text); err != nil {
					t.Fatal(err)
				}
				reader.await(t, text)
				if code := g.terminate(t); code != 0 {
					t.Errorf("exit code: got %d, want 0", code)
				}
				g.start(t)
			}
			if _, err := sender.Channel("room").Send(t.Context(), "msg", "last"); err != nil {
				t.Fatal(err)
			}
			reader.await(t, "last")
			wantTexts(t, "the reader", reader.heard.all(), append(want, "last"))
		})
	}
}
