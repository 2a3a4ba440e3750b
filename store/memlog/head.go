package memlog

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	// headTTL is for how long a head outlives the last renewal, in seconds.
	headTTL = 86400
	// touchEvery is how often a head's life is renewed while it is written
	// to, or watched.
	touchEvery = time.Hour
	// maxTouched bounds the heads that are known to be renewed, and maxNewest
	// those whose number is.
	maxTouched = 1 << 16
	maxNewest  = 1 << 16
	// headTries bounds how often a head that vanishes is made anew.
	headTries = 5
)

var (
	errHeadLost  = errors.New("the channel's head is lost again and again")
	errHeadValue = errors.New("the channel's head is no number")
)

// parseHead is the newest place of a channel.
func parseHead(it item) (place, error) {
	n, err := strconv.ParseUint(string(it.value), 10, 64)
	if err != nil {
		return place{}, errHeadValue
	}
	return place{it.flags, n}, nil
}

// newHead begins an epoch, unless another has begun one. Its numbers are above
// those of the epochs before, as long as clocks go right.
func (s *Store) newHead(name string) *op {
	first := uint64(s.cfg.Clock().UnixMilli()) << epochBits
	return addOp(headKey(name), epoch(), headTTL, strconv.AppendUint(nil, first, 10))
}

// epoch is a random number that is not 0.
func epoch() uint32 {
	for {
		if e := rand.Uint32(); e != 0 {
			return e
		}
	}
}

// look reads a channel's head, and the slots of further numbers in the same
// exchange, behind it. Where there is no head, it makes one: only then has the
// channel an end from which to read on.
func (v *server) look(ctx context.Context, name string, numbers []uint64) (place, []slot, error) {
	keys := make([]string, 0, len(numbers)+1)
	keys = append(keys, headKey(name))
	for _, n := range numbers {
		keys = append(keys, slotKey(name, n))
	}
	for range headTries {
		get := getOp(keys...)
		if err := v.run(ctx, get); err != nil {
			return place{}, nil, err
		}
		if get.items[0].found {
			h, err := parseHead(get.items[0])
			if err != nil {
				return place{}, nil, v.unavailable(err)
			}
			return h, slotsOf(get.items[1:]), nil
		}
		if err := v.run(ctx, v.store.newHead(name)); err != nil {
			return place{}, nil, err
		}
	}
	return place{}, nil, v.unavailable(errHeadLost)
}

const (
	// getFirst is how many slots are read before it is known how large they
	// are, and getMost how many at once. Where they are large, each few have
	// a time-out of their own.
	getFirst = 32
	getMost  = 100
	getBytes = 1 << 20
)

// slots reads count slots from a number on.
func (v *server) slots(ctx context.Context, name string, from uint64, count int) ([]slot, error) {
	slots := make([]slot, 0, count)
	for most := getFirst; len(slots) < count; {
		keys := make([]string, min(most, count-len(slots)))
		for i := range keys {
			keys[i] = slotKey(name, from+uint64(len(slots)+i))
		}
		get := getOp(keys...)
		if err := v.run(ctx, get); err != nil {
			return nil, err
		}
		slots = append(slots, slotsOf(get.items)...)
		size := 0
		for _, it := range get.items {
			size += len(it.value)
		}
		if most = getMost; size > getBytes {
			most = getFirst / 2
		}
	}
	return slots, nil
}

func slotsOf(items []item) []slot {
	slots := make([]slot, len(items))
	for i, it := range items {
		slots[i] = slotOf(it)
	}
	return slots
}

// touch gives the op that renews a head's life, or nil where it is not time.
func (v *server) touch(name string) *op {
	v.mu.Lock()
	defer v.mu.Unlock()
	if now := time.Now(); now.Sub(v.touchedAt) >= touchEvery || len(v.touched) >= maxTouched {
		clear(v.touched)
		v.touchedAt = now
	}
	if _, ok := v.touched[name]; ok {
		return nil
	}
	v.touched[name] = struct{}{}
	return touchOp(headKey(name), headTTL)
}

// learn notes a channel's newest number.
func (v *server) learn(name string, head item) {
	h, err := parseHead(head)
	if err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.newest) >= maxNewest {
		clear(v.newest)
	}
	v.newest[name] = h.n
}

// learnt is the newest number that is known, 0 for none.
func (v *server) learnt(name string) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.newest[name]
}
