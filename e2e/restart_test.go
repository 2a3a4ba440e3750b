package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// sendPause is between two messages of a steadySender.
const sendPause = 5 * time.Millisecond

// A steadySender is a PHP process that sends one numbered message after the
// other.
type steadySender struct {
	stop func()

	sent   journal[string]
	mu     sync.Mutex
	failed error
}

func startSteady(t *testing.T, m *memcachedtest.Server, channel string) *steadySender {
	t.Helper()
	php := startPHP(t, oldPHP, m.Addr, channel, "steady", "JS")
	s := &steadySender{}
	s.stop = inBackground(t, func(ctx context.Context) {
		text := fmt.Sprintf("steady %d", s.sent.len())
		if err := php.send(text); err != nil {
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
			<-ctx.Done()
			return
		}
		s.sent.add(text)
		pause(ctx, sendPause)
	})
	return s
}

// end stops sending, and returns all that was sent.
func (s *steadySender) end(t *testing.T) []string {
	t.Helper()
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		t.Fatal(s.failed)
	}
	return s.sent.all()
}

func (s *steadySender) awaitMore(t *testing.T, n int) {
	t.Helper()
	s.sent.atLeast(t, "the sender's next messages", s.sent.len()+n)
}

// TestGatewayKilled: the gateway dies twice, without a word, while PHP goes on
// sending. Whoever comes back with a cursor misses nothing.
func TestGatewayKilled(t *testing.T) {
	const channel, some = "killed", 20
	m := startMemcached(t)
	g := onMemcached(t, m.Addr)
	ws := joinWS(t, g, "ws", channel)
	lp := joinLongPoll(t, g, "lp", channel)
	php := startSteady(t, m, channel)
	for range 2 {
		ws.awaitMore(t, "ws", some)
		lp.awaitMore(t, "lp", some)
		g.kill()
		if e := ws.mustClose(t); e.Code != 1006 {
			t.Errorf("close: got %d, want 1006, the end without goodbye", e.Code)
		}
		php.awaitMore(t, some)
		g.start(t)
		ws.mustResumeAt(t, g, channel)
	}
	ws.awaitMore(t, "ws", some)
	lp.awaitMore(t, "lp", some)
	sent := php.end(t)
	for id, b := range map[string]*inbox{"ws": &ws.inbox, "lp": &lp.inbox} {
		b.await(t, id, sent[len(sent)-1])
		b.wantRecovered(t, id)
		wantTexts(t, id, b.texts(), sent)
	}
}

// TestMemoryStoreRestarted: what the gateway kept itself is gone with it, and
// it says so.
func TestMemoryStoreRestarted(t *testing.T) {
	const channel = "room"
	g := startGateway(t)
	alice := joinWS(t, g, "alice", channel)
	bob := joinWS(t, g, "bob", channel)
	alice.mustSend(t, channel, "hello")
	bob.await(t, "bob", "hello")
	bob.mustSend(t, channel, "hello yourself")
	alice.await(t, "alice", "hello yourself")

	g.kill()
	for _, c := range []*wsClient{alice, bob} {
		c.mustClose(t)
	}
	g.start(t)
	for _, c := range []*wsClient{alice, bob} {
		if s := c.comeBack(t, g, channel); *s.Recovered {
			t.Errorf("%s, with a cursor from before: got %+v, want recovered:false", c.id, s)
		}
	}
	alice.mustSend(t, channel, "still there?")
	bob.await(t, "bob", "still there?")
	wantTexts(t, "bob", bob.texts(), []string{"hello", "still there?"})
}
