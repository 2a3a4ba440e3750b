package hub

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A nearFake is a fakeStore in this process.
type nearFake struct{ *fakeStore }

func (f nearFake) AppendUnheard(ctx context.Context, channel string, m store.Message, watch <-chan struct{}) (protocol.Cursor, error) {
	f.mu.Lock()
	f.quiet = watch
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.quiet = nil
		f.mu.Unlock()
	}()
	return f.Append(ctx, channel, m)
}

func subscribers(t *testing.T, h *Hub, n int) []*peer {
	t.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = newPeer(t, h, "reader"+strconv.Itoa(i))
		peers[i].subscribe(protocol.ClientFrame{})
	}
	return peers
}

func TestPublisherDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStore{}
		h := newHub(t, nearFake{s}, nil)
		peers := subscribers(t, h, inline)
		synctest.Wait()
		for i := range 3 {
			time.Sleep(time.Second) // of the bubble's clock: the channel has rested
			id := "m" + strconv.Itoa(i)
			publish(t, h, "bob", id)
			for _, p := range peers { // nobody else has had the time to run
				if f, ok := p.poll(); !ok || f.ID != id {
					t.Fatalf("Publish has returned: got %s, want %s", f.Append(nil), id)
				}
			}
		}
		synctest.Wait()
		if s.reads != 3 {
			t.Errorf("got %d reads for 3 messages: the channel's goroutine was woken, too", s.reads)
		}
	})
}

// TestPublisherLeavesItToTheChannel: what keeps a publisher from delivering
// keeps nobody from being delivered to.
func TestPublisherLeavesItToTheChannel(t *testing.T) {
	for _, tt := range []struct {
		name        string
		store       store.Store
		subscribers int
		hold        bool // the turn, meanwhile
	}{
		{"store far away", &fakeStore{}, 1, false},
		{"many subscribers", nearFake{&fakeStore{}}, inline + 1, false},
		{"somebody has the turn", nearFake{&fakeStore{}}, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub(t, tt.store, nil)
			peers := subscribers(t, h, tt.subscribers)
			ch := h.find("room")
			if tt.hold {
				ch.turn.Lock()
			} else if ch.takeTurn(time.Now()) {
				t.Fatal("a publisher got the turn")
			}
			publish(t, h, "bob", "a", "b")
			if tt.hold {
				if f, ok := peers[0].poll(); ok {
					t.Errorf("got %s without a turn", f.Append(nil))
				}
				ch.turn.Unlock()
			}
			for _, p := range peers {
				p.wantMessages("a", "b")
			}
		})
	}
}

// A stalled store takes nothing, however long it is waited for.
type stalled struct{ *fakeStore }

func (stalled) Append(ctx context.Context, _ string, _ store.Message) (protocol.Cursor, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestPublishWaitsForTheStoreNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, stalled{&fakeStore{}}, func(c *Config) { c.StoreTimeout = 3 * time.Second })
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, tt := range []struct {
			ctx  context.Context
			want time.Duration
		}{{short, time.Second}, {t.Context(), 3 * time.Second}} {
			begin := time.Now()
			_, err := h.Publish(tt.ctx, "room", message("m", "bob"))
			if waited := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || waited != tt.want {
				t.Errorf("got %v after %v, want DeadlineExceeded after %v", err, waited, tt.want)
			}
		}
	})
}

// TestPublisherReadsOnePage: a publisher is not held up by what others publish.
func TestPublisherReadsOnePage(t *testing.T) {
	s := &fakeStore{}
	h := newHub(t, nearFake{s}, func(c *Config) { c.LogBytes = 64 << 20; c.Lag = 64 << 20 })
	p := subscribers(t, h, 1)[0]
	ch := h.find("room")
	s.mu.Lock()
	for i := range 2 * readLimit {
		m := message(strconv.Itoa(i), "bob")
		m.Cursor = cursorOf(i + 1)
		s.messages = append(s.messages, m)
	}
	s.mu.Unlock()
	if !ch.takeTurn(time.Now()) {
		t.Fatal("no turn for a publisher")
	}
	if _, err := ch.publish(t.Context(), message("last", "bob")); err != nil {
		t.Fatal(err)
	}
	if s.reads != 1 {
		t.Errorf("got %d pages read by the publisher, want 1", s.reads)
	}
	ch.turn.Unlock()
	for i := range 2 * readLimit {
		p.wantMessages(strconv.Itoa(i))
	}
	p.wantMessages("last")
}

// A freedCodec may not be used any more once it is freed.
type freedCodec struct {
	fakeCodec
	freed *atomic.Bool
}

func (c freedCodec) Frame(dst, text []byte) []byte {
	if c.freed.Load() {
		panic("used after Close")
	}
	return c.fakeCodec.Frame(dst, text)
}

func TestNothingIsDeliveredAfterClose(t *testing.T) {
	codec := freedCodec{freed: new(atomic.Bool)}
	h := newHub(t, nearFake{&fakeStore{}}, func(c *Config) { c.Codec = codec })
	subscribers(t, h, 1)
	begun, closed := make(chan struct{}, 4), make(chan struct{})
	var publishers sync.WaitGroup
	for range cap(begun) {
		publishers.Go(func() {
			for i := 0; ; i++ {
				if _, err := h.Publish(t.Context(), "room", message("m", "bob")); err != nil {
					t.Errorf("publish: %v", err)
				}
				if i == 0 {
					begun <- struct{}{}
				}
				select {
				case <-closed:
					return
				default:
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	h.Close()
	codec.freed.Store(true)
	publish(t, h, "bob", "last")
	close(closed)
	publishers.Wait()
}

func TestPause(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store func(*fakeStore) store.Store
	}{
		{"far", func(f *fakeStore) store.Store { return f }},
		{"near", func(f *fakeStore) store.Store { return nearFake{f} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testPause(t, tt.store(&fakeStore{})) })
		})
	}
}

func testPause(t *testing.T, s store.Store) {
	h := newHub(t, s, func(c *Config) { c.Pause = time.Second })
	p := subscribers(t, h, 1)[0]
	time.Sleep(time.Minute) // of the bubble's clock
	publish(t, h, "bob", "a")
	synctest.Wait()
	p.wantMessages("a")
	before := p.sink.count()
	publish(t, h, "bob", "b", "c", "d")
	synctest.Wait()
	if n := p.sink.count(); n != before {
		t.Errorf("within the pause: got %d writes, want none", n-before)
	}
	time.Sleep(time.Second)
	synctest.Wait()
	p.wantMessages("b", "c", "d")
	if n := p.sink.count(); n != before+1 {
		t.Errorf("after the pause: got %d writes, want 1 with all messages", n-before)
	}

	// Whoever joins by the store's help doesn't wait for a pause to be over.
	publish(t, h, "bob", "e")
	begin := time.Now()
	newPeer(t, h, "late").subscribe(protocol.ClientFrame{Since: cursorOf(5)})
	if waited := time.Since(begin); waited != 0 {
		t.Errorf("a subscription took %v, want no wait", waited)
	}
}

// TestBusyChannelRests: where messages come while others are being swept, the
// next sweep lets some of them gather.
func TestBusyChannelRests(t *testing.T) {
	begin := time.Now()
	for _, tt := range []struct{ sweep, want time.Duration }{
		{time.Microsecond, time.Microsecond},
		{3 * time.Millisecond, 3 * time.Millisecond},
		{time.Second, mostRest},
	} {
		c := &channel{hub: &Hub{}}
		end := begin.Add(tt.sweep)
		if c.restAfter(begin, end); c.resting.Sub(end) != tt.want {
			t.Errorf("after a sweep of %v: got a rest of %v, want %v", tt.sweep, c.resting.Sub(end), tt.want)
		}
	}
}
