package memlog

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// Publishers send one message after another, each in a goroutine of its own;
// ns/op is per message of all of them.
func BenchmarkPublish(b *testing.B) {
	server := memcachedtest.Start(b, "-m", "1024", "-t", "2")
	for _, n := range []struct{ publishers, channels int }{{1, 1}, {8, 1}, {8, 8}, {32, 1}, {32, 32}} {
		b.Run(fmt.Sprintf("publishers=%d/channels=%d", n.publishers, n.channels), func(b *testing.B) {
			benchmarkPublish(b, openStore(b, Config{Servers: []string{server.Addr}}), n.publishers, n.channels)
		})
	}
}

func benchmarkPublish(b *testing.B, s *Store, publishers, channels int) {
	text := strings.Repeat("x", 128)
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, publishers)
	b.ReportAllocs()
	b.ResetTimer()
	var g errgroup.Group
	for i := range publishers {
		channel := fmt.Sprint("bench-", i%channels)
		g.Go(func() error {
			for left.Add(-1) >= 0 {
				begun := time.Now()
				if _, err := s.Append(b.Context(), channel, newMessage(text)); err != nil {
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
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	reportTimes(b, slices.Concat(took...))
}

func reportTimes(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

// From an Append through one store to the hint and the message at another,
// with so many channels followed there.
func BenchmarkDelivery(b *testing.B) {
	server := memcachedtest.Start(b, "-m", "256")
	for _, noEvents := range []bool{false, true} {
		for _, n := range []int{1, 100, 1000, 10_000} {
			b.Run(fmt.Sprintf("polling=%v/channels=%d", noEvents, n), func(b *testing.B) {
				cfg := Config{Servers: []string{server.Addr}, NoEvents: noEvents}
				benchmarkDelivery(b, openStore(b, cfg), openStore(b, cfg), n)
			})
		}
	}
}

func benchmarkDelivery(b *testing.B, writer, reader *Store, channels int) {
	for i := range channels - 1 {
		reader.Watch(b.Context(), fmt.Sprint("quiet-", i))
	}
	hints := reader.Watch(b.Context(), "delivery")
	at := mustTail(b, reader, "delivery")
	want := ModeEvents
	if reader.cfg.NoEvents {
		want = ModePolling
	}
	for reader.Modes()[reader.cfg.Servers[0]] != want {
		time.Sleep(time.Millisecond)
	}
	var took []time.Duration
	pause := time.NewTicker(5 * time.Millisecond) // about 200 messages a second
	defer pause.Stop()
	for b.Loop() {
		<-pause.C
		begun := time.Now()
		want := mustAppend(b, writer, "delivery", "x")
		awaitHinted(b, hints, func() bool {
			p := mustRead(b, reader, "delivery", at)
			at = p.Cursor
			return at == want
		})
		took = append(took, time.Since(begun))
	}
	reportTimes(b, took)
}

// A page of so many messages.
func BenchmarkRead(b *testing.B) {
	server := memcachedtest.Start(b)
	s := openStore(b, Config{Servers: []string{server.Addr}})
	at := mustTail(b, s, "read")
	for range 256 {
		mustAppend(b, s, "read", strings.Repeat("x", 128))
	}
	for _, limit := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, err := s.Read(b.Context(), "read", at, limit); err != nil || len(p.Messages) != limit {
					b.Fatalf("%d messages, %v", len(p.Messages), err)
				}
			}
		})
	}
}

// What one look at so many quiet channels takes.
func BenchmarkSweep(b *testing.B) {
	server := memcachedtest.Start(b)
	s := openStore(b, Config{Servers: []string{server.Addr}, NoEvents: true, PollMin: 10 * time.Second, PollMax: 10 * time.Second})
	for _, n := range []int{1, 100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprint("sweep-", i)
				mustTail(b, s, names[i])
			}
			for b.Loop() {
				if _, err := s.servers[0].sweep(names); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
