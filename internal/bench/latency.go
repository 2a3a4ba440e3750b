package bench

import (
	"math"
	"time"
)

// buckets per doubling; a value is known to about 4 %.
const perDoubling = 16

// A Latency is a distribution of durations from 1 µs to about an hour.
type Latency struct {
	counts [perDoubling * 32]int64
	total  int64
}

func (l *Latency) record(d time.Duration) {
	i := 0
	if us := float64(d) / float64(time.Microsecond); us > 1 {
		i = min(int(math.Log2(us)*perDoubling), len(l.counts)-1)
	}
	l.counts[i]++
	l.total++
}

func (l *Latency) add(other *Latency) {
	for i, n := range other.counts {
		l.counts[i] += n
	}
	l.total += other.total
}

// Quantile is the least duration that a share q (0 to 1) of all do not pass,
// 0 where there are none.
func (l *Latency) Quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(l.total)))
	for i, n := range l.counts {
		if rank -= n; rank <= 0 && l.total > 0 {
			return time.Duration(math.Exp2(float64(i+1)/perDoubling) * float64(time.Microsecond))
		}
	}
	return 0
}
