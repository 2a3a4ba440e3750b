package gateway

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"time"
)

// Go looks for memory that is not used any more when the heap has grown by a
// share of what is in use (GOGC). For a gateway no one share is right: its
// memory is its idle connections', of which there may be so many that double
// of it is much, or so few that it would look fifty times a second while it
// answers long-polls. So the heap may grow by a share or by a fixed amount,
// whichever is more, and what has grown is given back in calm times.
const (
	heapShare  = 50       // percent of what is in use: half of Go's own default
	heapGrowth = 16 << 20 // bytes that the heap may grow by at least
	heapLook   = time.Second
	heapCalm   = 1 << 20 // bytes that a calm heap allocates from one look to the next at most
)

// keepsHeap reports whether the heap is the gateway's to keep: a variable GOGC
// in environ says that somebody else does.
func keepsHeap(environ []string) bool {
	return !slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, "GOGC=") })
}

// keepHeap keeps the whole process's heap until ctx ends.
func keepHeap(ctx context.Context) {
	tick := time.NewTicker(heapLook)
	defer tick.Stop()
	set, cleaned, last := 0, uint64(0), uint64(0)
	for {
		live, allocated := heap()
		if percent := growth(live); percent != set {
			debug.SetGCPercent(percent)
			set = percent
		}
		if allocated-last < heapCalm && allocated-cleaned > max(heapGrowth/4, live/4) {
			debug.FreeOSMemory()
			_, cleaned = heap()
		}
		last = allocated
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// growth is how far a heap may grow that had live bytes in use, in percent.
func growth(live uint64) int {
	const least = 4 << 20 // bytes; Go's own heap is not smaller
	percent := 100 * heapGrowth / max(live, least)
	return max(heapShare, int(percent/10*10)) // in steps: each change stops the process for a moment
}

// heap tells how many bytes were in use when that was looked at last, and how
// many have ever been allocated.
func heap() (live, allocated uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
