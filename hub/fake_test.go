package hub

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A fakeStore is a store in a slice, which can be told to lose messages, to
// fail, and to keep its hints back. Its cursors are the messages' numbers.
type fakeStore struct {
	mu       sync.Mutex
	messages []store.Message
	lost     int   // messages[:lost] are gone
	err      error // of every call
	watchers []chan struct{}
	quiet    <-chan struct{} // a watcher that the append under way does not hint at
	reads    int
}

func cursorOf(n int) protocol.Cursor { return protocol.Cursor("c" + strconv.Itoa(n)) }

func (f *fakeStore) Append(_ context.Context, _ string, m store.Message) (protocol.Cursor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return "", f.err
	}
	m.Cursor = cursorOf(len(f.messages) + 1)
	f.messages = append(f.messages, m)
	for _, w := range f.watchers {
		if w == f.quiet {
			continue
		}
		select {
		case w <- struct{}{}:
		default:
		}
	}
	return m.Cursor, nil
}

func (f *fakeStore) Read(_ context.Context, _ string, after protocol.Cursor, limit int) (store.Page, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reads++; f.err != nil {
		return store.Page{}, f.err
	}
	from, err := strconv.Atoi(string(after[min(1, len(after)):]))
	gap := after != "" && (err != nil || from < f.lost)
	if from = max(from, f.lost); gap {
		from = f.lost
	}
	to := min(from+limit, len(f.messages))
	return store.Page{Messages: slices.Clone(f.messages[from:to]), Cursor: cursorOf(to), Gap: gap}, nil
}

func (f *fakeStore) Tail(context.Context, string) (protocol.Cursor, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return cursorOf(len(f.messages)), f.err
}

func (f *fakeStore) Watch(context.Context, string) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := make(chan struct{}, 1)
	f.watchers = append(f.watchers, w)
	return w
}

func (f *fakeStore) Close() error { return nil }

// lose drops all but the newest keep messages.
func (f *fakeStore) lose(keep int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = len(f.messages) - keep
}

func (f *fakeStore) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// fakeStores are a fakeStore for each channel.
type fakeStores struct {
	mu sync.Mutex
	of map[string]*fakeStore
}

func (f *fakeStores) channel(name string) *fakeStore {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = make(map[string]*fakeStore)
	}
	if f.of[name] == nil {
		f.of[name] = &fakeStore{}
	}
	return f.of[name]
}

func (f *fakeStores) Append(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	return f.channel(channel).Append(ctx, channel, m)
}

func (f *fakeStores) Read(ctx context.Context, channel string, after protocol.Cursor, limit int) (store.Page, error) {
	return f.channel(channel).Read(ctx, channel, after, limit)
}

func (f *fakeStores) Tail(ctx context.Context, channel string) (protocol.Cursor, error) {
	return f.channel(channel).Tail(ctx, channel)
}

func (f *fakeStores) Watch(ctx context.Context, channel string) <-chan struct{} {
	return f.channel(channel).Watch(ctx, channel)
}

func (f *fakeStores) Close() error { return nil }

// A fakeCodec writes a frame's length in front of it, and a close as a text
// of its own.
type fakeCodec struct{}

func (fakeCodec) Frame(dst, text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(text))), text...)
}

func (c fakeCodec) Close(dst []byte, code protocol.CloseCode, reason string) []byte {
	return c.Frame(dst, (&protocol.ServerFrame{Op: "close", Code: protocol.Code(strconv.Itoa(int(code))), Reason: reason}).Append(nil))
}

// A fakeSink keeps what is written, and takes as much at a time as it is told
// to. It wants one call at a time: a socket that is written to while somebody
// waits to write to it lets the other wait, too.
type fakeSink struct {
	changed chan struct{} // one, after each write
	called  atomic.Bool

	mu       sync.Mutex
	bytes    []byte
	writes   int        // that brought something
	most     func() int // of one TryWrite; nil: all
	blocked  chan struct{}
	finished bool
	aborted  bool
}

func newSink() *fakeSink { return &fakeSink{changed: make(chan struct{}, 1)} }

// alone begins a call, but for Abort, and returns its end.
func (s *fakeSink) alone() (end func()) {
	if s.called.Swap(true) {
		panic("hub: a sink was called during a call")
	}
	return func() { s.called.Store(false) }
}

func (s *fakeSink) take(p []byte) {
	s.bytes = append(s.bytes, p...)
	s.writes++
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// count tells how many writes there were.
func (s *fakeSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *fakeSink) TryWrite(p []byte) (int, error) {
	defer s.alone()()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted {
		return 0, errors.New("aborted")
	}
	if s.blocked != nil {
		return 0, nil
	}
	if s.most != nil {
		p = p[:min(s.most(), len(p))]
	}
	s.take(p)
	return len(p), nil
}

func (s *fakeSink) Write(p []byte) error {
	defer s.alone()()
	s.mu.Lock()
	blocked := s.blocked
	s.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted {
		return errors.New("aborted")
	}
	s.take(p)
	return nil
}

func (s *fakeSink) Finish() {
	defer s.alone()()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
}

func (s *fakeSink) Abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
}

// block makes every write wait until the function it returns is called.
func (s *fakeSink) block() (unblock func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blocked := make(chan struct{})
	s.blocked = blocked
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.blocked != nil {
			s.blocked = nil
			close(blocked)
		}
	}
}

// A peer is the far end of a fakeSink.
type peer struct {
	t    *testing.T
	sink *fakeSink
	conn *Conn
	read int // bytes of sink that were read
}

func newPeer(t *testing.T, h *Hub, clientID string) *peer {
	p := &peer{t: t, sink: newSink()}
	p.conn = h.NewConn(p.sink)
	p.conn.Identify(clientID)
	t.Cleanup(p.conn.Close)
	return p
}

// next waits for the next frame.
func (p *peer) next() protocol.ServerFrame {
	p.t.Helper()
	for {
		if f, ok := p.poll(); ok {
			return f
		}
		select {
		case <-p.sink.changed:
		case <-time.After(10 * time.Second):
			p.t.Fatal("no frame came")
		}
	}
}

// poll is the next frame, if it is there.
func (p *peer) poll() (protocol.ServerFrame, bool) {
	p.t.Helper()
	p.sink.mu.Lock()
	defer p.sink.mu.Unlock()
	rest := p.sink.bytes[p.read:]
	if len(rest) < 4 || len(rest) < 4+int(binary.BigEndian.Uint32(rest)) {
		return protocol.ServerFrame{}, false
	}
	size := int(binary.BigEndian.Uint32(rest))
	p.read += 4 + size
	f, err := protocol.DecodeServer(rest[4 : 4+size])
	if err != nil {
		p.t.Fatalf("frame %q: %v", rest[4:4+size], err)
	}
	return f, true
}

func (p *peer) want(op protocol.Op) protocol.ServerFrame {
	p.t.Helper()
	f := p.next()
	if f.Op != op {
		p.t.Fatalf("got op %q (%s), want %q", f.Op, f.Append(nil), op)
	}
	return f
}

// wantMessages waits for messages with these ids, in this order.
func (p *peer) wantMessages(ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		if f := p.want(protocol.OpMessage); f.ID != id {
			p.t.Fatalf("got message %q, want %q", f.ID, id)
		}
	}
}

// wantNothing says something of one's own, and wants that to be the next
// frame.
func (p *peer) wantNothing() {
	p.t.Helper()
	p.conn.Send(&protocol.ServerFrame{Op: protocol.OpPong})
	p.want(protocol.OpPong)
}

func (p *peer) subscribe(f protocol.ClientFrame) protocol.ServerFrame {
	p.t.Helper()
	if f.Channel == "" {
		f.Channel = "room"
	}
	if err := p.conn.Subscribe(p.t.Context(), &f); err != nil {
		p.t.Fatalf("subscribe: %v", err)
	}
	return p.want(protocol.OpSubscribed)
}

func newHub(t *testing.T, s store.Store, change func(*Config)) *Hub {
	cfg := Config{Store: s, Codec: fakeCodec{}, Log: zerolog.Nop()}
	if change != nil {
		change(&cfg)
	}
	h := New(cfg)
	t.Cleanup(h.Close)
	return h
}

func message(id, from string) store.Message {
	e := protocol.Envelope{Type: "msg", Payload: []byte(`"` + id + `"`), From: from}
	return store.Message{ID: id, Text: e.Append(nil)}
}

func publish(t *testing.T, h *Hub, from string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := h.Publish(t.Context(), "room", message(id, from)); err != nil {
			t.Fatalf("publish %s: %v", id, err)
		}
	}
}
