package mcwire

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// What a poll costs when nothing has changed. The server in reach decides: from 1.6.40
// on GetChanged gets no values.
func BenchmarkUnchanged(b *testing.B) {
	memcachedtest.Installed(b).Needs(b, meta)
	for _, size := range []int{100, 10 << 10} {
		for _, n := range []int{1, 100, 1000, 10_000} {
			s := memcachedtest.Start(b, "-m", "512")
			wants := fill(b, s, n, size)
			keys := slices.Collect(func(yield func(string) bool) {
				for _, w := range wants {
					if !yield(w.Key) {
						return
					}
				}
			})
			name := func(how string) string { return fmt.Sprintf("value=%d/keys=%d/%s", size, n, how) }
			b.Run(name("GetChanged"), func(b *testing.B) { benchmarkGet(b, dial(b, s, Config{}).GetChanged, wants) })
			b.Run(name("Heads"), func(b *testing.B) { benchmarkGet(b, dial(b, s, Config{}).Heads, wants) })
			b.Run(name("gomemcache"), func(b *testing.B) {
				client := memcache.New(s.Addr)
				b.Cleanup(func() { client.Close() })
				for b.Loop() {
					items, err := client.GetMulti(keys)
					if err != nil || len(items) != n {
						b.Fatalf("got %d items, %v, want %d", len(items), err, n)
					}
				}
			})
		}
	}
}

func benchmarkGet(b *testing.B, get getFunc, wants []Want) {
	for b.Loop() {
		same := 0
		err := get(b.Context(), wants, func(r Result) {
			if r.Status == Same {
				same++
			}
		})
		if err != nil || same != len(wants) {
			b.Fatalf("got %d the same, %v, want %d", same, err, len(wants))
		}
	}
}
