package cli

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/protocol/client"
)

// A crowd is a made-up channel with presence.
type crowd struct {
	news  chan any // events and errors
	again chan struct{}

	mu     sync.Mutex
	answer client.Presence
	fault  error
	asked  int
	out    bytes.Buffer
}

func newCrowd(ids ...string) *crowd {
	c := &crowd{news: make(chan any, 100), again: make(chan struct{}, 1)}
	c.are(ids...)
	return c
}

// are changes who is there, without telling it.
func (c *crowd) are(ids ...string) {
	c.answers(client.Presence{Clients: ids, Count: len(ids)}, nil)
}

func (c *crowd) answers(there client.Presence, fault error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer, c.fault = there, fault
}

func (c *crowd) ask(context.Context) (client.Presence, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.answer, c.fault
}

func (c *crowd) events(ctx context.Context) iter.Seq2[client.Event, error] {
	return func(yield func(client.Event, error) bool) {
		for {
			select {
			case n := <-c.news:
				e, _ := n.(client.Event)
				err, _ := n.(error)
				if !yield(e, err) {
					return
				}
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			}
		}
	}
}

func (c *crowd) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}

// lines are what was printed since the last time, without the times.
func (c *crowd) lines() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := []string{}
	for line := range strings.Lines(c.out.String()) {
		lines = append(lines, strings.Join(strings.Fields(strings.TrimPrefix(line, "00:00:00.000")), " "))
	}
	c.out.Reset()
	return lines
}

// watched runs a watch of c while do happens. It wants the watch to end with
// the context.
func (c *crowd) watched(t *testing.T, asJSON bool, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	midnight := time.Date(2026, 1, 2, 0, 0, 0, 0, time.Local)
	w := &watch{
		channel: "room", self: "me", ask: c.ask, events: c.events, again: c.again,
		printer: &printer{out: c, json: asJSON, now: func() time.Time { return midnight }},
	}
	done := make(chan error, 1)
	go func() { done <- w.run(ctx) }()
	do()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("end: got %v, want %v", err, context.Canceled)
	}
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" && !slices.Equal(want, got) { // nil is as good as none
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func joined(id string) client.Join { return client.Join{Channel: "room", ClientID: id} }
func gone(id string) client.Leave  { return client.Leave{Channel: "room", ClientID: id} }

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd("alice", "me")
		c.watched(t, false, func() {
			want(t, "at first", c.lines(), "here alice")
			for _, e := range []any{joined("bob"), joined("alice"), joined("me"), gone("bob"), gone("carol"), &client.Message{}, &client.GapError{}, joined("bob")} {
				c.news <- e
			}
			want(t, "changes", c.lines(), "join bob", "leave bob", "join bob")
		})
	})
}

func TestWatchJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd("alice", "me")
		c.watched(t, true, func() {
			c.news <- joined("bob")
			c.news <- gone("alice")
			want(t, "lines", c.lines(),
				`{"op":"presence","channel":"room","clients":["alice"],"count":1}`,
				`{"op":"join","channel":"room","clientid":"bob"}`,
				`{"op":"leave","channel":"room","clientid":"alice"}`)
		})
	})
}

// What nobody has told is found by asking: after a break at once, and else
// after a while.
func TestWatchAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd("alice", "bob", "me")
		c.watched(t, false, func() {
			want(t, "at first", c.lines(), "here alice", "here bob")
			c.are("bob", "carol", "me")
			c.again <- struct{}{}
			want(t, "after a break", c.lines(), "leave alice", "join carol")
			c.news <- gone("alice") // told late
			c.news <- joined("carol")
			want(t, "what is known", c.lines())
			c.are("me")
			time.Sleep(askAgain)
			want(t, "after a while", c.lines(), "leave bob", "leave carol")
		})
	})
}

func TestWatchWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd("alice")
		c.answers(client.Presence{}, context.DeadlineExceeded)
		c.watched(t, false, func() {
			want(t, "without an answer", c.lines())
			c.news <- joined("bob") // it is not known who was there
			c.are("alice", "bob")
			c.again <- struct{}{}
			want(t, "with an answer", c.lines(), "here alice", "here bob")
		})
	})
}

func TestWatchCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd("alice", "me")
		c.watched(t, false, func() {
			want(t, "at first", c.lines(), "here alice")
			c.answers(client.Presence{Clients: []string{"alice", "me"}, Count: 1201}, nil)
			time.Sleep(askAgain)
			want(t, "crowded", c.lines(), "crowd 1200")
			c.news <- joined("bob") // nobody tells that in a crowd
			time.Sleep(askAgain)
			want(t, "as crowded", c.lines())
			c.answers(client.Presence{Clients: []string{"alice", "bob"}, Count: 1300}, nil)
			time.Sleep(askAgain)
			want(t, "more crowded", c.lines(), "crowd 1299")
			c.are("bob", "me")
			time.Sleep(askAgain)
			want(t, "not crowded", c.lines(), "here bob")
		})
	})
}

// That a channel becomes crowded, or is so no more, is told unasked.
func TestWatchIsToldOfACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd("alice", "me")
		c.watched(t, false, func() {
			want(t, "at first", c.lines(), "here alice")
			c.news <- client.Presence{Channel: "room", Count: 1001}
			want(t, "crowded", c.lines(), "crowd 1000")
			c.news <- gone("alice") // nobody tells that in a crowd
			want(t, "as crowded", c.lines())
			c.news <- client.Presence{Channel: "room", Clients: []string{"bob", "me"}, Count: 2}
			want(t, "not crowded", c.lines(), "here bob")
		})
	})
}

func TestWatchThatFails(t *testing.T) {
	refused := errors.New("refused")
	for _, tt := range []struct {
		name    string
		happens func(*crowd)
	}{
		{"the question", func(c *crowd) { c.answers(client.Presence{}, refused) }},
		{"the subscription", func(c *crowd) { c.news <- refused }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd()
				tt.happens(c)
				w := &watch{ask: c.ask, events: c.events, again: c.again, printer: &printer{out: c, now: time.Now}}
				if err := w.run(t.Context()); !errors.Is(err, refused) {
					t.Errorf("got %v, want %v", err, refused)
				}
			})
		})
	}
}
