package memlog

import (
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// What comes while a message is on its way goes along with its exchanges, each
// at a step of its own. Two exchanges are enough where the number is guessed,
// and three where another gateway has published in between.
func TestExchangesTakeAllAlong(t *testing.T) {
	tests := []struct {
		name    string
		another bool
		want    string
	}{
		{"guessed", false, "allotted stored allotted stored"},
		{"wrongly guessed", true, "allotted claimed allotted stored"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := memcachedtest.Start(t)
			cfg := Config{Servers: []string{server.Addr}}
			another := openStore(t, cfg)
			p := newPausing(t, cfg)
			mustAppend(t, p.store, "c", "before")
			if test.another {
				mustAppend(t, another, "c", "between")
			}
			got := p.appendAlong(t, "c", 8)
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got steps %q, want %q", got, test.want)
			}
		})
	}
}

// A pausing is a store that stops at a step, until many messages wait behind
// the one that is there.
type pausing struct {
	store         *Store
	reached, goOn chan struct{}

	mu    sync.Mutex
	steps []string // since the pause
	armed bool
}

func newPausing(t *testing.T, cfg Config) *pausing {
	t.Helper()
	p := &pausing{reached: make(chan struct{}), goOn: make(chan struct{})}
	p.store = openStepped(t, cfg, p.step)
	return p
}

func (p *pausing) step(step string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.armed {
		return nil
	}
	if p.steps = append(p.steps, step); len(p.steps) == 1 {
		close(p.reached)
		<-p.goOn
	}
	return nil
}

// appendAlong appends a message and, once it has passed its first step, so many
// more, and returns the steps that they passed.
func (p *pausing) appendAlong(t *testing.T, channel string, more int) []string {
	t.Helper()
	p.mu.Lock()
	p.armed = true
	p.mu.Unlock()
	var g errgroup.Group
	send := func() error {
		_, err := p.store.Append(t.Context(), channel, newMessage("m"))
		return err
	}
	g.Go(send)
	<-p.reached
	for range more {
		g.Go(send)
	}
	for v := p.store.server(channel); v.waiting() < more; {
		time.Sleep(time.Millisecond) // until all are in the queue
	}
	close(p.goOn)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return p.steps
}

func (v *server) waiting() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.queue)
}

// What goes along with an exchange has its bounds; the rest waits in its order.
func TestBoundsOfAnExchange(t *testing.T) {
	large := strings.Repeat("x", maxBatchBytes/4)
	tests := []struct {
		name  string
		queue string // a letter for each message's channel
		text  string
		along string
		wait  string
	}{
		{"nothing", "", "x", "", ""},
		{"few", "aaab", "x", "aaab", ""},
		{"one channel", strings.Repeat("a", 20), "x", strings.Repeat("a", 16), "aaaa"},
		{"another passes by", strings.Repeat("a", 17) + "b", "x", strings.Repeat("a", 16) + "b", "a"},
		{"messages", strings.Repeat(letters, 11), "x", strings.Repeat(letters, 9) + letters[:22], letters[22:] + letters},
		{"bytes", "abcdefg", large, "abcde", "fg"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := newServer(&Store{cfg: Config{Timeout: time.Second}}, "")
			for _, channel := range test.queue {
				v.queue = append(v.queue, &request{name: string(channel), text: []byte(test.text), since: time.Now()})
			}
			v.publishing = true
			along, wait := channelsOf(v.takeOn(nil)), channelsOf(v.queue)
			if along != test.along || wait != test.wait {
				t.Errorf("got %q along and %q waiting, want %q and %q", along, wait, test.along, test.wait)
			}
			if want := test.queue != ""; v.publishing != want {
				t.Errorf("goes on: got %v, want %v", v.publishing, want)
			}
		})
	}
}

const letters = "abcdefghijklmnopqrstuvwxyz"

func channelsOf(rs []*request) (all string) {
	for _, r := range rs {
		all += r.name
	}
	return all
}
