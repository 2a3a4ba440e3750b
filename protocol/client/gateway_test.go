package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/gateway"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// patience bounds every wait for what should be there at once.
const patience = 30 * time.Second

// quick are options for gateways that come and go.
func quick(id string) client.Options {
	return client.Options{ClientID: id, Backoff: client.Backoff{Min: 5 * time.Millisecond, Max: 50 * time.Millisecond}}
}

func dial(t *testing.T, url string, opts client.Options) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func subscribe(t *testing.T, c *client.Client, channel string, opts client.SubscribeOptions) *client.Subscription {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := c.Channel(channel).Subscribe(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// texts reads n messages whose payloads are texts.
func texts(t *testing.T, s *client.Subscription, n int) []string {
	t.Helper()
	got := []string{}
	if n == 0 {
		return got
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for m, err := range s.Messages(ctx) {
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(got), n, err)
		}
		text, err := client.Payload[string](m)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, text); len(got) == n {
			break
		}
	}
	return got
}

func wantTexts(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("message %d: got %q, want %q", i, got[min(i, len(got)):min(i+3, len(got))], want[min(i, len(want)):min(i+3, len(want))])
		}
	}
}

var transports = []client.Transport{client.WebSocket, client.LongPoll}

func over(kind client.Transport, o client.Options) client.Options {
	o.Transport = kind
	return o
}

func TestConversationOverBothTransports(t *testing.T) {
	s := serve(t, gateway.Config{})
	for _, kind := range transports {
		t.Run(string(kind), func(t *testing.T) {
			room := "room-" + string(kind)
			alice, bob := dial(t, s.url, over(kind, quick("alice"))), dial(t, s.url, over(kind, quick("bob")))
			heard := subscribe(t, bob, room, client.SubscribeOptions{})
			var want []string
			for n := range 50 {
				text := fmt.Sprintf("message %d", n)
				receipt, err := alice.Channel(room).Send(t.Context(), "msg", text)
				if err != nil || receipt.Cursor == "" {
					t.Fatalf("send: got %+v, %v", receipt, err)
				}
				want = append(want, text)
			}
			wantTexts(t, texts(t, heard, 50), want)

			late := subscribe(t, alice, room, client.SubscribeOptions{History: 3, Echo: true})
			wantTexts(t, texts(t, late, 3), want[47:])
			if _, err := bob.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			_, err := bob.Channel(room).Presence(t.Context())
			if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeForbidden {
				t.Errorf("presence, which is off: got %v, want forbidden", err)
			}
		})
	}
}

func TestRequestAndReplyOverBothTransports(t *testing.T) {
	s := serve(t, gateway.Config{})
	for _, kind := range transports {
		t.Run(string(kind), func(t *testing.T) {
			answerer, asker := dial(t, s.url, over(kind, quick("answerer"))), dial(t, s.url, over(kind, quick("asker")))
			room := answerer.Channel("room-" + string(kind))
			sub := subscribe(t, answerer, room.Name(), client.SubscribeOptions{})
			sub.Handle("double", func(ctx context.Context, m *client.Message) {
				n, err := client.Payload[int](m)
				if err == nil {
					_, err = room.Reply(ctx, m, "doubled", 2*n)
				}
				if err != nil {
					t.Error(err)
				}
			})
			ran := make(chan error)
			go func() { ran <- sub.Run(t.Context()) }()
			for n := range 5 {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				reply, err := asker.Channel(room.Name()).Request(ctx, "double", n)
				cancel()
				if err != nil {
					t.Fatal(err)
				}
				if got, err := client.Payload[int](reply); err != nil || got != 2*n {
					t.Errorf("got %d, %v, want %d", got, err, 2*n)
				}
			}
			sub.Close()
			if err := <-ran; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

// TestClosedClientIsGoneAtOnce: without its goodbye it would be there for five
// seconds more.
func TestClosedClientIsGoneAtOnce(t *testing.T) {
	for _, kind := range transports {
		t.Run(string(kind), func(t *testing.T) {
			s := serve(t, gateway.Config{Presence: []string{"room"}})
			c, other := dial(t, s.url, over(kind, quick("c"))), dial(t, s.url, quick("other"))
			sub := subscribe(t, other, "room", client.SubscribeOptions{})
			subscribe(t, c, "room", client.SubscribeOptions{})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			wantEvent(t, ctx, sub, client.Join{Channel: "room", ClientID: "c"})
			c.Close()
			there, err := other.Channel("room").Presence(ctx)
			if err != nil || there.Count != 1 {
				t.Errorf("once it was closed: got %+v, %v, want the other one alone", there, err)
			}
			wantEvent(t, ctx, sub, client.Leave{Channel: "room", ClientID: "c"})
		})
	}
}

// wantEvent wants the next event of sub.
func wantEvent(t *testing.T, ctx context.Context, sub *client.Subscription, want client.Event) {
	t.Helper()
	for e, err := range sub.Events(ctx) {
		if err != nil || e != want {
			t.Fatalf("got %+v, %v, want %+v", e, err, want)
		}
		return
	}
}

// TestNothingIsLostWhereConnectionsBreak: what is sent over connections that
// are cut again and again comes once, in order, over others that are.
func TestNothingIsLostWhereConnectionsBreak(t *testing.T) {
	for _, kind := range append(transports, "") {
		t.Run(string(kind), func(t *testing.T) {
			s := serve(t, gateway.Config{})
			p := between(t, s)
			log, opts := &logged{}, over(kind, quick("reader"))
			opts.Logger = slog.New(log)
			sender, reader := dial(t, p.url, over(kind, quick("sender"))), dial(t, p.url, opts)
			sub := subscribe(t, reader, "room", client.SubscribeOptions{})
			const many = 1000
			want := make([]string, many)
			for n := range want {
				want[n] = fmt.Sprintf("message %d", n)
			}
			sent := make(chan error, 1)
			go func() {
				for _, text := range want {
					if _, err := sender.Channel("room").Send(t.Context(), "msg", text); err != nil {
						sent <- fmt.Errorf("%s: %w", text, err)
						return
					}
				}
				sent <- nil
			}()
			var got []string
			for len(got) < many {
				got = append(got, texts(t, sub, 50)...)
				p.cut()
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			wantTexts(t, got, want)
			if _, err := sender.Channel("room").Send(t.Context(), "msg", "last"); err != nil {
				t.Fatal(err)
			}
			wantTexts(t, texts(t, sub, 1), []string{"last"}) // no doubles before it
			if n := log.count("connection lost"); n < 5 {
				t.Errorf("the reader's connection was lost %d times, want it to be lost again and again", n)
			}
		})
	}
}

// TestManySendersAtOnce: each one's messages keep their order, and none is
// there twice.
func TestManySendersAtOnce(t *testing.T) {
	s := serve(t, gateway.Config{})
	p := between(t, s)
	sender, reader := dial(t, p.url, quick("sender")), dial(t, p.url, quick("reader"))
	sub := subscribe(t, reader, "room", client.SubscribeOptions{Buffer: 16})
	const senders, each = 20, 20
	var all sync.WaitGroup
	for from := range senders {
		all.Go(func() {
			for n := range each {
				if _, err := sender.Channel("room").Send(t.Context(), "msg", fmt.Sprintf("%d %d", from, n)); err != nil {
					t.Errorf("send: %v", err)
				}
			}
		})
	}
	next := make([]int, senders)
	for i := range senders * each {
		var from, n int
		if _, err := fmt.Sscan(texts(t, sub, 1)[0], &from, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[from] {
			t.Errorf("sender %d: got number %d, want %d", from, n, next[from])
		}
		next[from] = n + 1
		if i%100 == 50 {
			p.cut()
		}
	}
	all.Wait()
}

func TestDialTellsWhatIsWrong(t *testing.T) {
	s := serve(t, gateway.Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	for _, tt := range []struct {
		name, url string
		opts      client.Options
		want      string
	}{
		{"nobody there", closed, client.Options{}, "refused"},
		{"no gateway's path", strings.TrimSuffix(s.url, "channel") + "nothing", client.Options{}, "404"},
		{"no URL", "://", client.Options{}, "URL"},
		{"another scheme", "ftp://x/", client.Options{}, "ftp"},
		{"no host", "http:///channel", client.Options{}, "host"},
		{"client id in the URL", s.url + "?clientid=x", client.Options{}, "clientid"},
		{"client id that can't be", s.url, client.Options{ClientID: "a b"}, "client id"},
		{"transport that can't be", s.url, client.Options{Transport: "pigeon"}, "pigeon"},
		{"back-off that can't be", s.url, client.Options{Backoff: client.Backoff{Min: -1}}, "back-off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := client.Dial(t.Context(), tt.url, tt.opts)
			if err == nil {
				c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Dial(ctx, s.url, client.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: got %v", err)
	}
}

func TestURLsThatAreUnderstood(t *testing.T) {
	s := serve(t, gateway.Config{})
	for _, url := range []string{
		"http://" + s.addr, "http://" + s.addr + "/", "ws://" + s.addr + "/channel.php", "http://" + s.addr + "/channel?x=y#z",
	} {
		for _, kind := range transports {
			dial(t, url, over(kind, client.Options{})).Close()
		}
	}
}

func TestNewWaitsForItsGateway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	c, err := client.New("http://"+addr, quick("c"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Channel("room").Send(t.Context(), "msg", "patient")
		sent <- err
	}()
	serve(t, gateway.Config{Listen: []string{addr}})
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func TestHTTPClientOfOnesOwn(t *testing.T) {
	s := serve(t, gateway.Config{Hold: 1500 * time.Millisecond})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, kind := range transports {
		opts := over(kind, quick("c"))
		opts.HTTPClient = &http.Client{Transport: transport, Timeout: time.Second} // less than an answer is held
		log := &logged{}
		opts.Logger = slog.New(log)
		c := dial(t, s.url, opts)
		sub := subscribe(t, c, "room-"+string(kind), client.SubscribeOptions{Echo: true})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		for _, err := range sub.Messages(ctx) {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		cancel()
		if lost := log.count("connection lost"); lost > 0 {
			t.Errorf("%s: lost %d times, want never", kind, lost)
		}
		c.Close()
	}
}
