package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSubscribedComesFirstThenMessagesInOrder(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	p := newPeer(t, h, "alice")
	got := p.subscribe(protocol.ClientFrame{Ref: protocol.NewRef(7)})
	if n, _ := got.Ref.Value(); n != 7 || got.Cursor != cursorOf(0) || got.Recovered != nil {
		t.Errorf("got %s, want ref 7, cursor c0 and no recovered", got.Append(nil))
	}
	publish(t, h, "bob", "a", "b", "c")
	p.wantMessages("a", "b", "c")
}

func TestOwnMessagesAreLeftOut(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	own, echo, other := newPeer(t, h, "alice"), newPeer(t, h, "alice"), newPeer(t, h, "carol")
	own.subscribe(protocol.ClientFrame{})
	echo.subscribe(protocol.ClientFrame{Echo: true})
	other.subscribe(protocol.ClientFrame{})
	publish(t, h, "alice", "a1", "a2")
	publish(t, h, "bob", "b1")
	publish(t, h, "alice", "a3")
	publish(t, h, "bob", "b2")
	echo.wantMessages("a1", "a2", "b1", "a3", "b2")
	other.wantMessages("a1", "a2", "b1", "a3", "b2")
	own.wantMessages("b1", "b2")
	again := newPeer(t, h, "alice")
	again.subscribe(protocol.ClientFrame{Since: cursorOf(1)})
	again.wantMessages("b1", "b2")
	again.wantNothing()
}

func TestResume(t *testing.T) {
	ids := func(from, to int) (ids []string) {
		for i := from; i <= to; i++ {
			ids = append(ids, "m"+strconv.Itoa(i))
		}
		return ids
	}
	tests := []struct {
		name      string
		before    int // messages in the store before the channel is in use
		lose      int // of those before, how many the store keeps; -1: all
		after     int // messages while it is
		frame     protocol.ClientFrame
		recovered string
		cursor    protocol.Cursor
		want      []string
	}{
		{"from now on", 3, -1, 3, protocol.ClientFrame{}, "", "c6", nil},
		{"in the log", 3, -1, 3, protocol.ClientFrame{Since: "c4"}, "true", "c4", ids(5, 6)},
		{"at its beginning", 3, -1, 3, protocol.ClientFrame{Since: "c3"}, "true", "c3", ids(4, 6)},
		{"at its end", 3, -1, 3, protocol.ClientFrame{Since: "c6"}, "true", "c6", nil},
		{"in the store", 3, -1, 3, protocol.ClientFrame{Since: "c1"}, "true", "c1", ids(2, 6)},
		{"in the store, nothing live yet", 3, -1, 0, protocol.ClientFrame{Since: "c1"}, "true", "c1", ids(2, 3)},
		{"more than a page", 600, -1, 3, protocol.ClientFrame{Since: "c1"}, "true", "c1", ids(2, 603)},
		{"lost", 5, 2, 3, protocol.ClientFrame{Since: "c1"}, "false", "c1", ids(4, 8)},
		{"all lost", 5, 0, 0, protocol.ClientFrame{Since: "c1"}, "false", "c5", nil},
		{"unknown", 3, -1, 0, protocol.ClientFrame{Since: "what"}, "false", "what", ids(1, 3)},
		{"history in the log", 3, -1, 3, protocol.ClientFrame{History: 2}, "", "c6", ids(5, 6)},
		{"history in the store", 3, -1, 3, protocol.ClientFrame{History: 5}, "", "c6", ids(2, 6)},
		{"more history than there is", 3, -1, 1, protocol.ClientFrame{History: 9}, "", "c4", ids(1, 4)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &fakeStore{}
			h := newHub(t, s, nil)
			publish(t, h, "bob", ids(1, tt.before)...)
			if tt.lose >= 0 {
				s.lose(tt.lose)
			}
			keeper := newPeer(t, h, "keeper")
			keeper.subscribe(protocol.ClientFrame{})
			publish(t, h, "bob", ids(tt.before+1, tt.before+tt.after)...)
			keeper.wantMessages(ids(tt.before+1, tt.before+tt.after)...)

			p := newPeer(t, h, "alice")
			got := p.subscribe(tt.frame)
			recovered := ""
			if got.Recovered != nil {
				recovered = strconv.FormatBool(*got.Recovered)
			}
			if recovered != tt.recovered || got.Cursor != tt.cursor {
				t.Errorf("got recovered %q cursor %q, want %q %q", recovered, got.Cursor, tt.recovered, tt.cursor)
			}
			p.wantMessages(tt.want...)
			p.wantNothing()
			publish(t, h, "bob", "last")
			p.wantMessages("last")
		})
	}
}

func TestGapIsTold(t *testing.T) {
	s := &fakeStore{}
	h := newHub(t, s, nil)
	p := newPeer(t, h, "alice")
	p.subscribe(protocol.ClientFrame{})
	publish(t, h, "bob", "a")
	p.wantMessages("a")
	s.fail(store.ErrUnavailable)
	if _, err := h.Publish(t.Context(), "room", message("x", "bob")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("publish: got %v, want ErrUnavailable", err)
	}
	s.mu.Lock() // what another gateway published, and the store then lost
	s.err = nil
	s.messages = append(s.messages, message("b", "bob"), message("c", "bob"))
	for i := range s.messages {
		s.messages[i].Cursor = cursorOf(i + 1)
	}
	s.lost = 2
	s.mu.Unlock()
	publish(t, h, "bob", "d")
	if gap := p.want(protocol.OpGap); gap.Cursor != cursorOf(1) {
		t.Errorf("got the gap's cursor %q, want c1: in front of what follows", gap.Cursor)
	}
	p.wantMessages("c", "d")

	behind := newPeer(t, h, "carol") // saw a, not the gap
	behind.subscribe(protocol.ClientFrame{Since: cursorOf(1)})
	behind.want(protocol.OpGap)
	behind.wantMessages("c", "d")
}

func TestStoreFailsAtTheStart(t *testing.T) {
	s := &fakeStore{err: store.ErrUnavailable}
	h := newHub(t, s, nil)
	p := newPeer(t, h, "alice")
	err := p.conn.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "room"})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if n := h.Channels(); n != 0 {
		t.Errorf("got %d channels in use, want 0", n)
	}
	s.fail(nil)
	p.subscribe(protocol.ClientFrame{})
}

func TestReadingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStore{}
		h := newHub(t, s, nil)
		p := newPeer(t, h, "alice")
		p.subscribe(protocol.ClientFrame{})
		s.mu.Lock()
		s.messages = append(s.messages, store.Message{ID: "a", Text: []byte("hi"), Cursor: cursorOf(1)})
		s.err = store.ErrUnavailable
		w := s.watchers[0]
		s.mu.Unlock()
		w <- struct{}{}
		synctest.Wait()
		s.fail(nil)
		p.wantMessages("a")
	})
}

func TestUnsubscribe(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	p, other := newPeer(t, h, "alice"), newPeer(t, h, "bob")
	p.subscribe(protocol.ClientFrame{})
	other.subscribe(protocol.ClientFrame{})
	err := p.conn.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "room"})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeBadFrame {
		t.Errorf("second subscribe: got %v, want bad_frame", err)
	}
	if err := p.conn.Unsubscribe("room"); err != nil {
		t.Fatalf("unsubscribe: %v", err)
	}
	err = p.conn.Unsubscribe("room")
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeNotSubscribed {
		t.Errorf("second unsubscribe: got %v, want not_subscribed", err)
	}
	publish(t, h, "carol", "a")
	other.wantMessages("a")
	p.wantNothing()
}

func TestSlowReaderIsCutOffAndNobodyElse(t *testing.T) {
	h := newHub(t, &fakeStore{}, func(c *Config) { c.Lag = 2000 })
	slow, quick := newPeer(t, h, "slow"), newPeer(t, h, "quick")
	slow.subscribe(protocol.ClientFrame{})
	quick.subscribe(protocol.ClientFrame{})
	publish(t, h, "bob", "first")
	slow.wantMessages("first")
	quick.wantMessages("first")

	unblock := slow.sink.block()
	for i := range 40 {
		id := "m" + strconv.Itoa(i)
		publish(t, h, "bob", id)
		quick.wantMessages(id)
	}
	unblock()
	last := ""
	for f := slow.next(); f.Op != "close"; f = slow.next() {
		last = f.ID
	}
	if last == "" || last == "m39" {
		t.Errorf("slow got up to %q, want some and not all", last)
	}
	n, _ := strconv.Atoi(strings.TrimPrefix(last, "m"))
	back := newPeer(t, h, "slow")
	back.subscribe(protocol.ClientFrame{Since: cursorOf(n + 2)})
	for i := n + 1; i < 40; i++ {
		back.wantMessages("m" + strconv.Itoa(i))
	}
}

func TestCutFinishesTheFrameBeingWritten(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	p := newPeer(t, h, "alice")
	p.subscribe(protocol.ClientFrame{})
	p.sink.mu.Lock()
	p.sink.most = func() int { return 10 }
	p.sink.mu.Unlock()
	publish(t, h, "bob", "a")
	p.wantMessages("a")
	p.conn.Cut(protocol.CloseDraining, "draining")
	if f := p.want("close"); f.Op != "close" {
		t.Errorf("got %s", f.Append(nil))
	}
	publish(t, h, "bob", "b")
	p.conn.Send(&protocol.ServerFrame{Op: protocol.OpPong})
	if f, ok := p.poll(); ok {
		t.Errorf("got %s behind the close", f.Append(nil))
	}
}

func TestAnswersBeyondTheBoundCutOff(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	p := newPeer(t, h, "alice")
	unblock := p.sink.block()
	for range 2 * pendingBound / 100 {
		p.conn.Send(&protocol.ServerFrame{Op: protocol.OpError, Message: strings.Repeat("x", 100)})
	}
	unblock()
	f := p.next()
	for f.Op == protocol.OpError {
		f = p.next()
	}
	if f.Op != "close" {
		t.Errorf("got %s, want a close", f.Append(nil))
	}
}

// TestBacklogIsNoAnswer: what a slow connection has asked for by resuming does
// not count against the bound on answers.
func TestBacklogIsNoAnswer(t *testing.T) {
	s := &fakeStore{}
	h := newHub(t, s, nil)
	long := strings.Repeat("x", pendingBound/4)
	for i := range 8 {
		m := message("m"+strconv.Itoa(i), "bob")
		m.Text = []byte(`{"type":"msg","payload":"` + long + `","from":"bob"}`)
		if _, err := h.Publish(t.Context(), "room", m); err != nil {
			t.Fatal(err)
		}
	}
	p := newPeer(t, h, "alice")
	unblock := p.sink.block()
	p.conn.Send(&protocol.ServerFrame{Op: protocol.OpPong}) // the connection drains from now on
	if err := p.conn.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "room", Since: cursorOf(1)}); err != nil {
		t.Fatal(err)
	}
	p.conn.Send(&protocol.ServerFrame{Op: protocol.OpPong})
	unblock()
	p.want(protocol.OpPong)
	p.want(protocol.OpSubscribed)
	p.wantMessages("m1", "m2", "m3", "m4", "m5", "m6", "m7")
	p.want(protocol.OpPong)
}

func TestUnusedChannelEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &fakeStore{}, func(c *Config) { c.Idle = time.Minute })
		p := newPeer(t, h, "alice")
		p.subscribe(protocol.ClientFrame{})
		time.Sleep(time.Hour) // of the bubble's clock
		synctest.Wait()
		if n := h.Channels(); n != 1 {
			t.Fatalf("in use: got %d channels, want 1", n)
		}
		p.conn.Close()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if n := h.Channels(); n != 1 {
			t.Fatalf("unused for 59 s: got %d channels, want 1", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := h.Channels(); n != 0 {
			t.Errorf("unused for 2 min: got %d channels, want 0", n)
		}
	})
}

func TestTooManyChannels(t *testing.T) {
	h := newHub(t, &fakeStore{}, func(c *Config) { c.Channels = 1 })
	p := newPeer(t, h, "alice")
	p.subscribe(protocol.ClientFrame{})
	err := p.conn.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "other"})
	if !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

func TestClosedHub(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	h.Close()
	p := newPeer(t, h, "alice")
	err := p.conn.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "room"})
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// A reader that comes and goes: it resumes with the last cursor it saw and
// checks that nothing is lost, doubled or out of order.
func comeAndGo(t *testing.T, h *Hub, name string, total int) {
	cursor, seen := cursorOf(0), 0
	for seen < total {
		sink := newSink()
		if rand.N(2) == 0 {
			sink.most = func() int { return rand.N(300) }
		}
		p := &peer{t: t, sink: sink, conn: h.NewConn(sink)}
		p.conn.Identify(name)
		if h.packer != nil && rand.N(2) == 0 {
			p.conn.Pack()
		}
		if err := p.conn.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "room", Since: cursor}); err != nil {
			t.Errorf("%s: subscribe since %s: %v", name, cursor, err)
			return
		}
		if f := p.next(); f.Op != protocol.OpSubscribed || !*f.Recovered {
			t.Errorf("%s: since %s: got %s, want it recovered", name, cursor, f.Append(nil))
		}
		for range rand.N(50) + 1 {
			if seen == total {
				break
			}
			f := p.next()
			if want := "m" + strconv.Itoa(seen+1); f.ID != want {
				t.Errorf("%s: got %s, want message %s", name, f.Append(nil), want)
				p.conn.Close()
				return
			}
			seen++
			cursor = f.Cursor
		}
		p.conn.Close()
	}
}

// TestChurnAndResumeUnderLoad has readers come and go, by log and by store,
// through sinks that take what they like, while messages are published.
func TestChurnAndResumeUnderLoad(t *testing.T) {
	const total = 1000
	tests := []struct {
		name   string
		change func(*Config)
	}{
		{"publisher delivers", func(c *Config) {
			c.Store = nearFake{c.Store.(*fakeStore)}
			c.LogCount, c.LogBytes, c.Lag = 20, 64<<20, 64<<20
			c.Idle = time.Millisecond
		}},
		{"some packed", func(c *Config) {
			c.Codec = packFake{packed: new(atomic.Int64)}
			c.LogCount, c.LogBytes, c.Lag = 100, 64<<20, 64<<20
		}},
		{"long log", func(c *Config) { c.LogCount = 10 * total; c.LogBytes = 64 << 20; c.Lag = 64 << 20 }},
		{"short log", func(c *Config) { c.LogCount = 20; c.Lag = 64 << 20; c.LogBytes = 64 << 20 }},
		{"channel ends between", func(c *Config) { c.Idle = time.Millisecond; c.Lag = 64 << 20; c.LogBytes = 64 << 20 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHub(t, &fakeStore{}, tt.change)
			var readers sync.WaitGroup
			for i := range 8 {
				readers.Go(func() { comeAndGo(t, h, fmt.Sprintf("reader%d", i), total) })
			}
			for i := range total {
				publish(t, h, "bob", "m"+strconv.Itoa(i+1))
			}
			readers.Wait()
		})
	}
}

// A countingCodec counts the frames it makes.
type countingCodec struct {
	fakeCodec
	made *atomic.Int64
}

func (c countingCodec) Frame(dst, text []byte) []byte {
	c.made.Add(1)
	return c.fakeCodec.Frame(dst, text)
}

func TestMessagesAreEncodedOnceForAll(t *testing.T) {
	made := new(atomic.Int64)
	h := newHub(t, &fakeStore{}, func(c *Config) { c.Codec = countingCodec{made: made} })
	peers := subscribers(t, h, 2*inline)
	before := made.Load()
	publish(t, h, "bob", "a", "b", "c")
	for _, p := range peers {
		p.wantMessages("a", "b", "c")
	}
	if got := made.Load() - before; got != 3 {
		t.Errorf("3 messages for %d readers: got %d frames made", len(peers), got)
	}
}

// TestManyChannelsOnOneConnection writes several channels and answers through
// one sink that takes little: no frame may be cut by another.
func TestManyChannelsOnOneConnection(t *testing.T) {
	h := newHub(t, &fakeStores{}, func(c *Config) { c.Lag = 64 << 20; c.LogBytes = 64 << 20 })
	p := newPeer(t, h, "alice")
	p.sink.most = func() int { return rand.N(40) }
	const channels, each = 5, 400
	for c := range channels {
		p.subscribe(protocol.ClientFrame{Channel: fmt.Sprintf("room%d", c)})
	}
	var writers sync.WaitGroup
	defer writers.Wait()
	for c := range channels {
		writers.Go(func() {
			for i := range each {
				name := fmt.Sprintf("room%d", c)
				if _, err := h.Publish(t.Context(), name, message(strconv.Itoa(i), name)); err != nil {
					t.Errorf("publish: %v", err)
				}
				p.conn.Send(&protocol.ServerFrame{Op: protocol.OpPong})
			}
		})
	}
	got := make(map[string]int) // pongs are under ""
	for range 2 * channels * each {
		f := p.next()
		if want := strconv.Itoa(got[f.Channel]); f.Op == protocol.OpMessage && f.ID != want {
			t.Fatalf("%s: got message %s, want %s", f.Channel, f.ID, want)
		}
		got[f.Channel]++
	}
	if got[""] != channels*each {
		t.Errorf("got %d pongs, want %d", got[""], channels*each)
	}
}

// TestAppendAndFlushAllocateNothing: within a segment, not one allocation in
// hundreds of messages. A segment is one, every 64 KiB.
func TestAppendAndFlushAllocateNothing(t *testing.T) {
	h := newHub(t, &fakeStore{}, func(c *Config) { c.LogBytes, c.LogCount, c.Idle = 2<<20, 1000, time.Hour })
	c := h.NewConn(nullSink{})
	defer c.Close()
	if err := c.Subscribe(t.Context(), &protocol.ClientFrame{Channel: "room"}); err != nil {
		t.Fatal(err)
	}
	ch := c.subs[0].ch
	f := protocol.ServerFrame{Op: protocol.OpMessage, Channel: "room", Cursor: "c1", ID: "m", Type: "msg", Payload: []byte(`"x"`)}
	now := time.Now()
	run := func() {
		ch.mu.Lock()
		defer ch.mu.Unlock()
		ch.seen.reset()
		ch.append(&f, entry{cursor: "c1", from: "bob", at: now})
		ch.seen.add("bob", ch.log.newestSpan(), span{})
		ch.sweeper.sweep(ch)
	}
	for range 5000 { // past the first segments and the index's growth
		run()
	}
	for full := ch.log.last; ch.log.last == full; {
		run()
	}
	segment := ch.log.last
	const many = 200 // twice so many, of some 100 bytes, fit
	got := testing.AllocsPerRun(1, func() {
		for range many {
			run()
		}
	})
	if got != 0 || ch.log.last != segment {
		t.Errorf("got %v allocations for %d times append and flush, want 0 in one segment", got, many)
	}
	if want := ch.log.head().off; c.subs[0].at.off != want {
		t.Errorf("written up to %d, want %d", c.subs[0].at.off, want)
	}
}

func TestAnswersAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector pools forget at random")
	}
	c := newHub(t, &fakeStore{}, nil).NewConn(nullSink{})
	defer c.Close()
	f := protocol.ServerFrame{Op: protocol.OpSent, Ref: protocol.NewRef(1), Channel: "room", ID: "m", Cursor: "c1"}
	if got := testing.AllocsPerRun(1000, func() { c.Send(&f) }); got != 0 {
		t.Errorf("got %v allocations an answer, want 0", got)
	}
}
