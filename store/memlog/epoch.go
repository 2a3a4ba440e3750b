package memlog

import "slices"

const (
	// maxBack bounds how many numbers back the oldest message is looked for.
	maxBack = 1 << 23
	// probes is at how many numbers is looked at once, and probeWidth how many
	// slots at each: so a single one that is missing leads nobody astray.
	probes     = 24
	probeWidth = 4
)

// leap tells of a gap and goes on at the oldest message from low on, in the
// head's epoch.
func (r *reader) leap(low uint64) error {
	r.page.Gap = !r.silent
	return r.toOldest(low)
}

// toOldest goes to the oldest message there is from low on. Where there is none,
// some may be on their way.
func (r *reader) toOldest(low uint64) error {
	oldest, ok, err := r.oldest(low)
	if err != nil {
		return err
	}
	if !ok {
		oldest = max(low, base(r.head.n)+1, back(r.head.n+1, window))
	}
	r.goTo(oldest)
	return nil
}

// goTo goes on at a number of the head's epoch.
func (r *reader) goTo(n uint64) {
	r.at, r.last, r.got = place{r.head.epoch, n}, r.head.n, nil
}

// drain reads what is left of an epoch that has ended, behind a place in it.
// When nothing is, it tells of a gap and goes to the new epoch.
//
// What comes to the old numbers from now on is taken back by its publisher; see
// put. So there is nothing to wait for.
func (r *reader) drain(after place) error {
	if low := base(r.head.n); after.n+window > low && after.n < r.head.n+1<<epochBits {
		return r.leap(0) // it is among the new numbers: a place in another channel
	}
	slots, err := r.server.slots(r.ctx, r.name, after.n+1, window)
	if err != nil {
		return err
	}
	newest := -1
	for i, s := range slots {
		if s.kind == slotMessage && s.epoch == after.epoch {
			newest = i
		}
	}
	if newest < 0 {
		return r.leap(0)
	}
	r.more = true
	r.at, r.got = place{after.epoch, after.n + 1}, slots
	r.last = r.at.n + uint64(newest)
	return nil
}

// oldest finds the first message of the head's epoch from low on, behind which
// no window is empty. ok is false where there is none.
func (r *reader) oldest(low uint64) (n uint64, ok bool, err error) {
	low = max(low, back(r.head.n, maxBack))
	n, ok, err = r.firstIn(back(r.head.n+1, maxFetch), r.head.n, low)
	if err != nil {
		return 0, false, err
	}
	if far, found, err := r.farthest(low); err != nil {
		return 0, false, err
	} else if found && (!ok || far < n) {
		n, ok = far, true
	}
	for ok && n > low { // what is left are the last steps
		first, found, err := r.firstIn(back(n, window), n-1, low)
		if err != nil {
			return 0, false, err
		}
		if !found {
			break
		}
		n = first
	}
	if first := base(r.head.n) + 1; ok && first < n && n-first < window {
		n = max(first, low) // the epoch is young, and these may be on their way
	}
	return n, ok, nil
}

// farthest searches back from the head for the oldest message, roughly: in
// steps that double, and then between the last that hit and the first that
// missed.
func (r *reader) farthest(low uint64) (n uint64, ok bool, err error) {
	var distances []uint64
	for d := uint64(maxFetch); d <= maxBack; d *= 2 {
		distances = append(distances, d)
	}
	for {
		hit, found, err := r.probe(distances, low)
		if err != nil || !found {
			return n, ok, err
		}
		n, ok = back(r.head.n, distances[hit]), true
		if hit == len(distances)-1 || distances[hit+1]-distances[hit] <= window {
			return n, ok, nil
		}
		from, step := distances[hit], max((distances[hit+1]-distances[hit])/probes, window/2)
		next := distances[hit+1]
		distances = distances[:0]
		for d := from; d <= next; d += step {
			distances = append(distances, d)
		}
	}
}

// probe looks for messages at distances from the head, and returns the index of
// the farthest that has one.
func (r *reader) probe(distances []uint64, low uint64) (hit int, found bool, err error) {
	var keys []string
	for _, d := range distances {
		for i := range uint64(probeWidth) {
			keys = append(keys, slotKey(r.name, back(r.head.n, d)+i))
		}
	}
	get := getOp(keys...)
	if err := r.server.run(r.ctx, get); err != nil {
		return 0, false, err
	}
	slots := slotsOf(get.items)
	for i := len(distances) - 1; i >= 0; i-- {
		if back(r.head.n, distances[i]) >= low && slices.ContainsFunc(slots[i*probeWidth:(i+1)*probeWidth], r.isCurrent) {
			return i, true, nil
		}
	}
	return 0, false, nil
}

// firstIn finds the first message of the head's epoch between two numbers, not
// below low.
func (r *reader) firstIn(from, to, low uint64) (n uint64, ok bool, err error) {
	from = max(from, low)
	if from > to {
		return 0, false, nil
	}
	slots, err := r.server.slots(r.ctx, r.name, from, int(to-from+1))
	if err != nil {
		return 0, false, err
	}
	i := slices.IndexFunc(slots, r.isCurrent)
	return from + uint64(max(i, 0)), i >= 0, nil
}

func (r *reader) isCurrent(s slot) bool { return s.kind == slotMessage && s.epoch == r.head.epoch }

// back is n-d, and not below 0.
func back(n, d uint64) uint64 { return n - min(n, d) }
