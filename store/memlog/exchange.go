package memlog

import (
	"context"
	"slices"
	"time"
)

// exchange takes each request its next step, all of them at once: however many
// they are, and wherever they stand, this process and the server wake each
// other once for all. Behind it r.step is the one after that, where the request
// is not settled.
func (v *server) exchange(ctx context.Context, rs []*request) {
	var count, claim, put []*request
	var ops []*op
	var looks looks
	for _, r := range rs {
		if r.settled() {
			continue
		}
		switch r.step {
		case stepCount:
			count = append(count, r)
		case stepClaim:
			claim = append(claim, r)
			ops = append(ops, r.claimOwn())
		case stepPut:
			put = append(put, r)
			ops = v.appendPut(ops, r)
			r.look = looks.want(r.headKey)
		}
	}
	counts := countings(count)
	for _, c := range counts {
		ops = v.appendCount(ops, c, &looks)
	}
	begun := time.Now()
	if err := v.run(ctx, append(ops, looks.ops()...)...); err != nil {
		failAll(rs, err)
		return
	}
	v.stored(ctx, put, &looks)
	v.passed("stored", put)
	claimed(claim)
	v.passed("claimed", claim)
	v.counted(ctx, counts, &looks, begun)
	v.passed("allotted", count)
}

func failAll(rs []*request, err error) {
	for _, r := range rs {
		r.fail(err)
	}
}

// passed marks a step of requests; see Store.at.
func (v *server) passed(step string, rs []*request) {
	if len(rs) == 0 {
		return
	}
	if err := v.store.at(step); err != nil {
		failAll(rs, err)
	}
}

// looks are what an exchange reads at its end.
type looks struct {
	keys []string
	gets []*op
}

// want has a key read, and returns where it is among all.
func (l *looks) want(key string) int {
	if n := len(l.keys); n == 0 || l.keys[n-1] != key { // else it is the same channel's head
		l.keys = append(l.keys, key)
	}
	return len(l.keys) - 1
}

func (l *looks) ops() []*op {
	for keys := range slices.Chunk(l.keys, getMost) {
		l.gets = append(l.gets, getOp(keys...))
	}
	return l.gets
}

func (l *looks) item(i int) item { return l.gets[i/getMost].items[i%getMost] }
