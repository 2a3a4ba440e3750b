package shadow

import (
	"math/rand/v2"
	"slices"
	"time"
)

// maxGains is how many gains are kept. Quantiles are exact up to so many.
const maxGains = 100_000

// gains is by how much messages came sooner over the gateway. Of more than
// maxGains it keeps a sample, into which each is as likely to get as any other.
type gains struct {
	kept []time.Duration
	seen int64
}

func (g *gains) add(d time.Duration) {
	g.seen++
	if len(g.kept) < maxGains {
		g.kept = append(g.kept, d)
	} else if i := rand.Int64N(g.seen); i < maxGains {
		g.kept[i] = d
	}
}

// quantiles are the gain of the message in the middle, and the gain that one in
// a hundred exceeds; 0 where there are none.
func (g *gains) quantiles() (p50, p99 time.Duration) {
	if len(g.kept) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(g.kept))
	at := func(percent int) time.Duration { return sorted[(len(sorted)-1)*percent/100] }
	return at(50), at(99)
}
