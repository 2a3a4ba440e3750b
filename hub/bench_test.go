package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
)

// nullSink takes everything.
type nullSink struct{}

func (nullSink) TryWrite(p []byte) (int, error) { return len(p), nil }
func (nullSink) Write([]byte) error             { return nil }
func (nullSink) Finish()                        {}
func (nullSink) Abort()                         {}

// BenchmarkSweep appends so many messages of 128 bytes and sweeps so many
// subscribers; what a write to a socket costs is not in it.
func BenchmarkSweep(b *testing.B) {
	for _, subscribers := range []int{1, 100, 1000} {
		for _, messages := range []int{1, 64} {
			b.Run(fmt.Sprintf("subscribers=%d/messages=%d", subscribers, messages), func(b *testing.B) {
				h := New(Config{Store: &fakeStore{}, Codec: fakeCodec{}, Log: zerolog.Nop()})
				defer h.Close()
				for range subscribers {
					c := h.NewConn(nullSink{})
					defer c.Close()
					if err := c.Subscribe(b.Context(), &protocol.ClientFrame{Channel: "room"}); err != nil {
						b.Fatal(err)
					}
				}
				ch, err := h.acquire(b.Context(), "room")
				if err != nil {
					b.Fatal(err)
				}
				defer h.release(ch)
				f := protocol.ServerFrame{Op: protocol.OpMessage, Channel: "room", Cursor: "c1", ID: "m", Type: "msg", Payload: make([]byte, 128)}
				now := time.Now()
				b.ReportAllocs()
				for b.Loop() {
					ch.mu.Lock()
					ch.seen.reset()
					for range messages {
						ch.append(&f, entry{cursor: "c1", from: "bob", at: now})
					}
					ch.sweeper.sweep(ch)
					ch.mu.Unlock()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subscribers*messages), "ns/delivery")
			})
		}
	}
}

// BenchmarkAppend appends messages of 128 bytes to a channel's log.
func BenchmarkAppend(b *testing.B) {
	h := New(Config{Store: &fakeStore{}, Codec: fakeCodec{}, Log: zerolog.Nop()})
	defer h.Close()
	ch, err := h.acquire(b.Context(), "room")
	if err != nil {
		b.Fatal(err)
	}
	defer h.release(ch)
	m := message("m", "bob")
	m.Text = append(m.Text[:len(m.Text)-1], fmt.Sprintf(`,"pad":"%0128d"}`, 0)...)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		ch.mu.Lock()
		ch.seen.reset()
		ch.appendMessage(&m, now)
		ch.mu.Unlock()
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
