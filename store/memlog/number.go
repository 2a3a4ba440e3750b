package memlog

import (
	"context"
	"fmt"
	"time"
)

// allot gives each request a number, and a channel's requests theirs in order.
func (v *server) allot(ctx context.Context, rs []*request) error {
	groups := make(map[string][]*request)
	var names []string
	for _, r := range rs {
		if groups[r.name] == nil {
			names = append(names, r.name)
		}
		groups[r.name] = append(groups[r.name], r)
	}
	for range headTries {
		var missing []*op
		var again []string
		took, err := v.count(ctx, names, groups)
		if err != nil {
			return err
		}
		for i, name := range names {
			switch first, ok := took[i].first(len(groups[name])); {
			case ok:
				give(groups[name], first)
			case took[i].incr.got == refused:
				failAll(groups[name], v.unavailable(fmt.Errorf("%w: %s", errHeadValue, took[i].incr.words)))
			case took[i].incr.got == notFound:
				missing = append(missing, v.store.newHead(name))
				fallthrough
			default:
				again = append(again, name)
			}
		}
		if names = again; len(names) == 0 {
			return v.store.at("allotted")
		}
		if err := v.run(ctx, missing...); err != nil {
			return err
		}
	}
	return v.unavailable(errHeadLost)
}

func give(rs []*request, first place) {
	now := time.Now()
	for i, r := range rs {
		r.own, r.allotted = place{first.epoch, first.n + uint64(i)}, now
	}
}

// A taking is what raising a counter came to.
type taking struct{ incr, head *op }

// count raises the counters, and reads them: incr alone does not tell the epoch.
func (v *server) count(ctx context.Context, names []string, groups map[string][]*request) ([]taking, error) {
	took := make([]taking, len(names))
	var ops []*op
	for i, name := range names {
		took[i] = taking{
			&op{cmd: cmdIncr, key: headKey(name), delta: uint64(len(groups[name]))},
			getOp(headKey(name)),
		}
		ops = append(ops, took[i].incr, took[i].head)
		if touch := v.touch(name); touch != nil {
			ops = append(ops, touch)
		}
	}
	return took, v.run(ctx, ops...)
}

// first is the first of count numbers. ok is false where there was no head, or
// where another one was there an instant later: then nobody will read the
// numbers of this one for long.
func (t taking) first(count int) (p place, ok bool) {
	if t.incr.got != done || !t.head.items[0].found {
		return place{}, false
	}
	h, err := parseHead(t.head.items[0])
	last := t.incr.number
	if err != nil || h.n < last || h.n-last >= 1<<epochBits {
		return place{}, false
	}
	return place{h.epoch, last - uint64(count) + 1}, true
}
