package memlog

import (
	"context"
	"fmt"
	"time"
)

// A counting gives numbers to the requests of one channel, in their order.
type counting struct {
	rs   []*request
	incr op
	look int // where its head is read
}

// countings are the requests by their channels.
func countings(rs []*request) (counts []*counting) {
	byName := make(map[string]*counting)
	for _, r := range rs {
		c, ok := byName[r.name]
		if !ok {
			c = &counting{}
			byName[r.name] = c
			counts = append(counts, c)
		}
		c.rs = append(c.rs, r)
	}
	return counts
}

// appendCount appends what raises the counter and, behind it, claims the
// numbers that this is thought to give.
func (v *server) appendCount(ops []*op, c *counting, looks *looks) []*op {
	name, key := c.rs[0].name, c.rs[0].headKey
	c.incr = op{cmd: cmdIncr, key: key, delta: uint64(len(c.rs))}
	ops = append(ops, &c.incr)
	if touch := v.touch(name); touch != nil {
		ops = append(ops, touch)
	}
	c.look = looks.want(key) // incr alone does not tell the epoch
	newest := v.learnt(name)
	for i, r := range c.rs {
		if r.claim != claimNone {
			continue
		}
		var guess uint64
		if newest != 0 {
			guess = newest + 1 + uint64(i)
		}
		ops = append(ops, r.claimGuess(guess))
		r.look = looks.want(r.claimKey)
	}
	return ops
}

// counted gives out the numbers that the heads were raised by in an exchange,
// and makes the heads that are missing, for another try.
func (v *server) counted(ctx context.Context, counts []*counting, looks *looks, begun time.Time) {
	var missing []*op
	for _, c := range counts {
		for _, r := range c.rs {
			if r.claim == claimSent {
				r.takeGuess(looks.item(r.look))
			}
		}
		name, head := c.rs[0].name, looks.item(c.look)
		v.learn(name, head)
		first, ok := c.first(head)
		switch {
		case ok:
			c.give(first, begun)
			continue
		case c.incr.got == refused:
			failAll(c.rs, v.unavailable(fmt.Errorf("%w: %s", errHeadValue, c.incr.words)))
		case c.incr.got == notFound:
			missing = append(missing, v.store.newHead(name))
		}
		for _, r := range c.rs {
			if r.tries++; r.tries == headTries {
				r.fail(v.unavailable(errHeadLost))
			}
		}
	}
	if err := v.run(ctx, missing...); err != nil {
		for _, c := range counts {
			failAll(c.rs, err)
		}
	}
}

// first is the first of the numbers. ok is false where there was no head, or
// where another one was there an instant later: then nobody will read the
// numbers of this one for long.
func (c *counting) first(head item) (p place, ok bool) {
	if c.incr.got != done || !head.found {
		return place{}, false
	}
	h, err := parseHead(head)
	last := c.incr.number
	if err != nil || h.n < last || h.n-last >= 1<<epochBits {
		return place{}, false
	}
	return place{h.epoch, last - uint64(len(c.rs)) + 1}, true
}

func (c *counting) give(first place, begun time.Time) {
	for i, r := range c.rs {
		r.own, r.allotted = place{first.epoch, first.n + uint64(i)}, begun
		switch {
		case r.step == stepAstray:
		case r.guess == r.own.n:
			r.step, r.at = stepPut, r.own
		default:
			r.step = stepClaim
		}
	}
}
