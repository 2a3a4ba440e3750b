package shadow

import "time"

// alignBegin finds out which of the new side's first messages were sent before
// the old client had its place, as soon as that is clear.
func (c *comparison) alignBegin(now time.Time) {
	if c.aligned || c.early.IsZero() || now.Before(c.early) || len(c.legacy) == 0 {
		return
	}
	free := c.earlyOnes()
	full := len(c.modern) >= atOnce || len(c.legacy) >= atOnce
	if len(c.modern) <= free && !full {
		return // what comes next will tell
	}
	offsets := c.offsets(free)
	switch {
	case len(offsets) == 1, len(offsets) > 1 && full:
		c.modern = c.modern[offsets[0]:]
		c.aligned = true
	case len(offsets) == 0: // something is missing, too
		c.aligned = c.realign(costs{missing, missing, free})
	}
}

// earlyOnes is how many of those that wait may have been sent before the begin.
func (c *comparison) earlyOnes() int {
	n := 0
	for n < len(c.modern) && !c.modern[n].At.After(c.early) {
		n++
	}
	return n
}

// offsets are the numbers of messages, up to free, without which the new side's
// are the same as the old side's, as far as they have come.
func (c *comparison) offsets(free int) []int {
	var fit []int
	for offset := range min(free+1, len(c.modern)) {
		if c.fits(offset) {
			fit = append(fit, offset)
		}
	}
	return fit
}

func (c *comparison) fits(offset int) bool {
	for i := range min(len(c.modern)-offset, len(c.legacy)) {
		if !same(&c.modern[offset+i], &c.legacy[i]) {
			return false
		}
	}
	return true
}

// settled reports whether nothing waits that came before the end.
func (c *comparison) settled() bool {
	return (len(c.modern) == 0 || c.aligned && !c.counts(&c.modern[0])) &&
		(len(c.legacy) == 0 || c.aligned && !c.counts(&c.legacy[0]))
}

// finish leaves what has not found its other.
func (c *comparison) finish() {
	cost := costs{
		modern: func(i int) int { return number(c.counts(&c.modern[i])) },
		legacy: func(i int) int { return number(c.counts(&c.legacy[i])) },
	}
	if !c.aligned {
		cost.free = c.earlyOnes()
	}
	for c.realign(cost) {
		cost.free = 0
	}
	c.leave(c.modern[cost.free:], c.legacy)
	c.modern, c.legacy = nil, nil
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
