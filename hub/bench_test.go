package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// nullSink takes everything.
type nullSink struct{}

func (nullSink) TryWrite(p []byte) (int, error) { return len(p), nil }
func (nullSink) Write([]byte) error             { return nil }
func (nullSink) Finish()                        {}
func (nullSink) Abort()                         {}

// benchChannel is the channel "room" of a hub of its own.
func benchChannel(b *testing.B) *channel {
	b.Helper()
	h := New(Config{Store: &fakeStore{}, Codec: fakeCodec{}, Log: zerolog.Nop()})
	b.Cleanup(h.Close)
	ch, err := h.acquire(b.Context(), "room")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.release(ch) })
	return ch
}

// benchSubscriber subscribes a connection that takes everything.
func benchSubscriber(b *testing.B, ch *channel) *Conn {
	b.Helper()
	c := ch.hub.NewConn(nullSink{})
	b.Cleanup(c.Close)
	if err := c.Subscribe(b.Context(), &protocol.ClientFrame{Channel: ch.name}); err != nil {
		b.Fatal(err)
	}
	return c
}

// benchFrame is a message whose payload has so many bytes.
func benchFrame(size int) *protocol.ServerFrame {
	return &protocol.ServerFrame{Op: protocol.OpMessage, Channel: "room", Cursor: "c1", ID: "m", Type: "msg", Payload: make([]byte, size)}
}

// BenchmarkSweep appends so many messages of 128 bytes and sweeps so many
// subscribers; what a write to a socket costs is not in it.
func BenchmarkSweep(b *testing.B) {
	for _, subscribers := range []int{1, 100, 1000} {
		for _, messages := range []int{1, 64} {
			b.Run(fmt.Sprintf("subscribers=%d/messages=%d", subscribers, messages), func(b *testing.B) {
				ch := benchChannel(b)
				for range subscribers {
					benchSubscriber(b, ch)
				}
				f, now := benchFrame(128), time.Now()
				b.ReportAllocs()
				for b.Loop() {
					ch.mu.Lock()
					ch.seen.reset()
					for range messages {
						ch.append(f, entry{cursor: "c1", from: "bob", at: now})
					}
					ch.sweeper.sweep(ch)
					ch.mu.Unlock()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subscribers*messages), "ns/delivery")
			})
		}
	}
}

// BenchmarkFlush writes so many messages of 128 bytes, which are in the log, to
// one subscriber: what a sweep does to each.
func BenchmarkFlush(b *testing.B) {
	for _, messages := range []int{1, 64} {
		b.Run(fmt.Sprintf("messages=%d", messages), func(b *testing.B) {
			ch := benchChannel(b)
			c := benchSubscriber(b, ch)
			s := c.subs[0]
			begin := s.at
			for range messages {
				ch.append(benchFrame(128), entry{cursor: "c1", from: "bob", at: time.Now()})
			}
			to := heads{log: ch.log.head().off}
			b.ReportAllocs()
			for b.Loop() {
				s.at = begin
				s.advance(to, &ch.seen)
			}
		})
	}
}

// BenchmarkAppend appends a message to a channel's log, from the text that the
// store has of it.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{128, 16 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			ch := benchChannel(b)
			e := protocol.Envelope{Type: "msg", From: "bob", Payload: fmt.Appendf(nil, `"%0*d"`, size-2, 0)}
			m, now := store.Message{ID: "m", Text: e.Append(nil), Cursor: "c1"}, time.Now()
			b.ReportAllocs()
			for b.Loop() {
				ch.mu.Lock()
				ch.seen.reset()
				ch.appendMessage(&m, now)
				ch.mu.Unlock()
			}
		})
	}
}

// BenchmarkAnswer sends what a frame with a ref is acknowledged with.
func BenchmarkAnswer(b *testing.B) {
	c := benchSubscriber(b, benchChannel(b))
	f := &protocol.ServerFrame{
		Op: protocol.OpSent, Ref: protocol.NewRef(1), Channel: "room",
		ID: "g660e3d7f69cb3-0123456789ab", Cursor: "c1",
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Send(f)
	}
}

// BenchmarkPresence has one client come and go in front of so many others,
// each told at once; what a write to a socket costs is not in it.
func BenchmarkPresence(b *testing.B) {
	for _, others := range []int{1, 100, 900} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			h := New(Config{Store: &fakeStore{}, Codec: fakeCodec{}, Log: zerolog.Nop(), Presence: func(string) bool { return true }})
			defer h.Close()
			enter := func(id string) *Conn {
				c := h.NewConn(nullSink{})
				c.Identify(id)
				if err := c.Subscribe(b.Context(), &protocol.ClientFrame{Channel: "room"}); err != nil {
					b.Fatal(err)
				}
				return c
			}
			for i := range others {
				defer enter(fmt.Sprintf("client%d", i)).Close()
			}
			ch, err := h.acquire(b.Context(), "room")
			if err != nil {
				b.Fatal(err)
			}
			defer h.release(ch)
			told := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				ch.mu.Lock()
				ch.room.arrive("bob", &told)
				ch.room.tell()
				ch.room.depart("bob", false)
				ch.room.tell()
				ch.mu.Unlock()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2*b.N*others), "ns/told")
		})
	}
}
