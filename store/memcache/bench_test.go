package memcache

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// sampleText is a document of n messages as the seed's clients write them.
func sampleText(n int, newest time.Time) []byte {
	d := newDocument()
	entries := []entry{{overhead + "alice", lastIDOf(overhead + "alice").json()}}
	for i := range n {
		at := newest.Add(time.Duration(i-n+1) * time.Millisecond)
		text := fmt.Sprintf(`{"type":"msg","payload":"message %d of many","msg":"message %d of many","from":"client%d"}`, i, i, i%7)
		entries = append(entries, entry{
			fmt.Sprintf("%08x%05x", at.Unix(), at.Nanosecond()/1000),
			protocol.AppendString(nil, text),
		})
	}
	return d.encode(entries)
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			text := sampleText(n, time.Now())
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSplice(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := mustDecode(b, sampleText(n, time.Now()))
			raw := protocol.AppendString(nil, `{"type":"msg","payload":"hi"}`)
			b.ReportAllocs()
			for b.Loop() {
				edited := *d // as decoded; only entries behind its own are added
				edited.entries = append(edited.entries, entry{"g64e0c3a2d1f5b-0123456789ab", raw})
				edited.text()
			}
		})
	}
}

// A follower takes in a document to which one message was added.
func BenchmarkFollow(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := mustDecode(b, sampleText(n, time.Now()))
			one := itemLook(time.Now(), 1, string(d.json))
			two := itemLook(time.Now(), 2, string(textWith(d, "more", `"x"`)))
			f := newFollower("c", "channel_c", 1000)
			b.ReportAllocs()
			for b.Loop() {
				f.see(f.beginLook(), one, time.Now())
				f.see(f.beginLook(), two, time.Now())
			}
		})
	}
}

func BenchmarkDeflate(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		text := sampleText(n, time.Now())
		var p packer
		packed := p.deflate(text)
		b.Run(fmt.Sprintf("deflate/%dKiB", len(text)>>10), func(b *testing.B) {
			for b.Loop() {
				p.deflate(text)
			}
			b.ReportMetric(float64(len(text))/float64(len(packed)), "ratio")
		})
		b.Run(fmt.Sprintf("inflate/%dKiB", len(text)>>10), func(b *testing.B) {
			for b.Loop() {
				if _, err := inflate(packed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Appends to a channel that has so many messages, on a real memcached.
func BenchmarkAppend(b *testing.B) {
	server := memcachedtest.Start(b)
	c := dial(b, server)
	s := openStore(b, Config{Addr: server.Addr})
	text := []byte(strings.Repeat("x", 128))
	for _, n := range []int{0, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			now := time.Now()
			setDocument(b, c, "bench", string(sampleText(n, now)))
			for i := 0; b.Loop(); i++ {
				if i%100 == 99 { // so that it stays about this large
					b.StopTimer()
					setDocument(b, c, "bench", string(sampleText(n, now)))
					b.StartTimer()
				}
				if _, err := s.Append(b.Context(), "bench", store.Message{ID: protocol.NewMessageID(now), Text: text}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Messages of so many appenders at once, in one channel of about 100 messages.
// Each appends the next when it has the place of the one before.
func BenchmarkAppendTogether(b *testing.B) {
	const round = 512 // messages until the document is as at first
	server := memcachedtest.Start(b)
	c := dial(b, server)
	s := openStore(b, Config{Addr: server.Addr})
	text := []byte(strings.Repeat("x", 128))
	for _, appenders := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(appenders), func(b *testing.B) {
			took := make([][]time.Duration, appenders)
			for b.Loop() {
				b.StopTimer()
				setDocument(b, c, "together", string(sampleText(100, time.Now())))
				b.StartTimer()
				var g errgroup.Group
				for i := range took {
					g.Go(func() error {
						for range round / appenders {
							begun := time.Now()
							if _, err := s.Append(b.Context(), "together", store.Message{ID: protocol.NewMessageID(begun), Text: text}); err != nil {
								return err
							}
							took[i] = append(took[i], time.Since(begun))
						}
						return nil
					})
				}
				if err := g.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
		})
	}
}

// What one sweep over so many quiet channels takes.
func BenchmarkSweep(b *testing.B) {
	server := memcachedtest.Start(b)
	c := dial(b, server)
	s := openStore(b, Config{Addr: server.Addr, PollMax: 10 * time.Second, PollMin: 10 * time.Second})
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			fs := make([]*follower, n)
			for i := range fs {
				channel := fmt.Sprint("sweep", i)
				setDocument(b, c, channel, string(sampleText(1, time.Now())))
				fs[i] = newFollower(channel, s.key(channel), 1000)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.sweep(fs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// From an Append through one store to the hint and the message at another,
// with so many channels followed there.
func BenchmarkDelivery(b *testing.B) {
	server := memcachedtest.Start(b)
	writer := openStore(b, Config{Addr: server.Addr})
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			reader := openStore(b, Config{Addr: server.Addr})
			for i := range n - 1 {
				reader.Watch(b.Context(), fmt.Sprint("quiet", i))
			}
			channel := fmt.Sprint("delivery", n)
			hints := reader.Watch(b.Context(), channel)
			at := mustTail(b, reader, channel)
			var took []time.Duration
			for b.Loop() {
				<-time.After(rand.N(10 * time.Millisecond)) // else each append would follow a sweep
				for len(hints) > 0 {
					<-hints
				}
				begun := time.Now()
				for want := mustAppend(b, writer, channel, "x"); at != want; {
					<-hints
					at = mustRead(b, reader, channel, at).Cursor
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
		})
	}
}
