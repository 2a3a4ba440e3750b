package mcwire

import "time"

const (
	// activeFor is how long after the last news polling stays fast.
	activeFor = time.Second
	// Between tries while the server can't be reached.
	retryMin, retryMax = 50 * time.Millisecond, time.Second
)

// A Pace says how long to wait between polls: Min while there is news, up to
// Max in silence, and longer where a poll itself takes a third of the time.
type Pace struct {
	Min, Max time.Duration

	last     time.Duration
	quiet    time.Duration // since there was news
	failures int
}

// Next is the wait after a poll that took so long.
func (p *Pace) Next(took time.Duration, news, failed bool) time.Duration {
	if failed {
		p.failures++
		return min(retryMin<<min(p.failures-1, 10), retryMax)
	}
	p.failures = 0
	least := max(p.Min, 2*took) // at most a third of the time goes into polls
	if p.quiet += p.last + took; news {
		p.quiet = 0
	}
	if p.quiet < activeFor {
		p.last = least
	} else {
		p.last = min(max(p.last+p.last/4, least), max(p.Max, least))
	}
	return p.last
}

// Failing reports whether the latest poll failed.
func (p *Pace) Failing() bool { return p.failures > 0 }

// Recover forgets failures: the server was reached in another way.
func (p *Pace) Recover() { p.failures = 0 }
