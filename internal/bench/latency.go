package bench

import (
	"math"
	"math/bits"
	"time"
)

const (
	perDoubling = 16 // buckets; a value is known to about 6 %
	leastBits   = 10 // what is below 2^10 ns counts as that
	doublings   = 32
)

// A Latency is a distribution of durations from 1 µs to about an hour.
type Latency struct {
	counts [perDoubling * doublings]int64
	total  int64
}

func (l *Latency) record(d time.Duration) {
	ns := uint64(max(d, 1<<leastBits))
	top := bits.Len64(ns) - 1
	i := (top-leastBits)*perDoubling + int(ns>>(top-4)&(perDoubling-1))
	l.counts[min(i, len(l.counts)-1)]++
	l.total++
}

func (l *Latency) add(other *Latency) {
	for i, n := range other.counts {
		l.counts[i] += n
	}
	l.total += other.total
}

// Quantile is the least duration that a share q (0 to 1) of all do not pass,
// as far as it is known; 0 where there are none.
func (l *Latency) Quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(l.total)))
	for i, n := range l.counts {
		if rank -= n; rank <= 0 && l.total > 0 {
			return time.Duration(perDoubling+i%perDoubling+1) << (i/perDoubling + leastBits - 4)
		}
	}
	return 0
}
