package shadow

import (
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

const (
	// atOnce is how many messages of each side are aligned at a time.
	atOnce = 2000
	// maxWaiting is how many messages of a side wait for their other.
	maxWaiting = 100_000
	// maxAlone is how many messages without their other are kept, of a side.
	maxAlone = 10_000
	// remembered is how many of the last messages are known if they come again.
	remembered = 1024
)

// A comparison pairs the messages of both sides. As both are the same channel,
// in one order, the first of those that wait are the same on both sides, but
// where something is wrong; and at the begin and the end, since neither side
// begins or ends at the same place of the channel as the other one:
//
//   - The new side has messages first that were sent before the old one had its
//     place. Only within settle of that: these may be left over.
//   - What came to one side after the end may be left over, too.
//
// Where the messages' contents repeat, it may be open how many were left over
// at the begin. Then all wait until that is clear.
type comparison struct {
	settle time.Duration
	early  time.Time // until then, what came may have been sent before the begin; zero: no begin yet
	until  time.Time // the end; zero: not yet

	aligned        bool // it is clear what was left over at the begin
	modern, legacy []arrival

	same                     int
	gains                    gains
	aloneModern, aloneLegacy alone
	againModern, againLegacy int // came more than once
	gaps                     int
	lastCursors              recent[protocol.Cursor] // of the new side
	lastContents             recent[content]         // of what came to both
}

// alone are messages that came to one side.
type alone struct {
	count int
	kept  []arrival // the first of them
}

func (a *alone) add(m arrival) {
	a.count++
	if len(a.kept) < maxAlone {
		a.kept = append(a.kept, m)
	}
}

// begin notes when the old client's first poll was asked and answered. What had
// come to the new side before is known to have been sent before.
func (c *comparison) begin(asked, answered time.Time) {
	c.early = answered.Add(c.settle)
	for len(c.modern) > 0 && c.modern[0].At.Before(asked) {
		c.modern = c.modern[1:]
	}
}

func (c *comparison) hearModern(m *client.Message, at time.Time) {
	if c.lastCursors.has(m.Cursor) {
		c.againModern++
		return
	}
	c.lastCursors.add(m.Cursor)
	c.modern = append(c.modern, modernArrival(m, at))
	c.pairFirst()
}

func (c *comparison) hearLegacy(texts []string, at time.Time) {
	for _, text := range texts {
		c.legacy = append(c.legacy, legacyArrival(text, at))
	}
	if len(texts) > 0 {
		c.work(at)
	}
}

// work looks at what waits.
func (c *comparison) work(now time.Time) {
	c.alignBegin(now)
	c.pairFirst()
	if c.aligned {
		for c.realign(costs{missing, missing, 0}) {
			c.pairFirst()
		}
	}
	c.bound()
}

// pairFirst pairs the first ones for as long as they are the same.
func (c *comparison) pairFirst() {
	if !c.aligned {
		return
	}
	n := 0
	for n < len(c.modern) && n < len(c.legacy) && same(&c.modern[n], &c.legacy[n]) {
		c.pair(&c.modern[n], &c.legacy[n])
		n++
	}
	c.modern, c.legacy = c.modern[n:], c.legacy[n:]
}

func (c *comparison) pair(modern, legacy *arrival) {
	c.same++
	c.gains.add(legacy.At.Sub(modern.At))
	c.lastContents.add(modern.readings[0].content)
}

// realign pairs the first ones though something is missing on one side, and
// reports whether there was a pair. What is behind the last one still waits.
func (c *comparison) realign(cost costs) bool {
	n, m := min(len(c.modern), atOnce), min(len(c.legacy), atOnce)
	if n == 0 || m == 0 {
		return false
	}
	pairs := align(n, m, func(i, j int) bool { return same(&c.modern[i], &c.legacy[j]) }, cost)
	if len(pairs) == 0 {
		return false
	}
	for _, p := range pairs {
		c.pair(&c.modern[p.modern], &c.legacy[p.legacy])
	}
	i, j := min(cost.free, pairs[0].modern), 0
	for _, p := range pairs {
		c.leave(c.modern[i:p.modern], c.legacy[j:p.legacy])
		i, j = p.modern+1, p.legacy+1
	}
	c.modern, c.legacy = c.modern[i:], c.legacy[j:]
	return true
}

// leave notes messages that came to one side alone.
func (c *comparison) leave(modern, legacy []arrival) {
	for _, a := range modern {
		if c.counts(&a) {
			c.aloneModern.add(a)
		}
	}
	for _, a := range legacy {
		switch {
		case !c.counts(&a):
		case c.cameBefore(&a):
			c.againLegacy++
		default:
			c.aloneLegacy.add(a)
		}
	}
}

// cameBefore reports whether something that a text may say was among the last
// messages that came to both.
func (c *comparison) cameBefore(a *arrival) bool {
	return slices.ContainsFunc(a.readings, func(r reading) bool { return c.lastContents.has(r.content) })
}

// counts reports whether a came before the end.
func (c *comparison) counts(a *arrival) bool { return c.until.IsZero() || !a.At.After(c.until) }

// bound leaves what has waited the longest, where too many wait.
func (c *comparison) bound() {
	n, m := max(0, len(c.modern)-maxWaiting), max(0, len(c.legacy)-maxWaiting)
	if c.aligned && len(c.modern) >= atOnce && len(c.legacy) >= atOnce {
		n, m = max(n, atOnce/2), max(m, atOnce/2) // no two of them are the same
	}
	c.leave(c.modern[:n], c.legacy[:m])
	c.modern, c.legacy = c.modern[n:], c.legacy[m:]
}
