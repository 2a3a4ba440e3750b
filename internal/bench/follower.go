package bench

import (
	"errors"
	"fmt"
	"time"
)

// A follower checks what a subscriber gets. It belongs to the subscriber's
// reader.
type follower struct {
	layout     layout
	number     int // the subscriber's
	publishers int
	tally      *tally

	tracks     []track  // by channel's slot and publisher
	orders     []uint64 // by channel's slot: a hash of what came, in its order
	received   int
	doubled    int
	disordered int
	strange    error // a message that is none of this subscriber's
}

// A track is what came of one publisher's messages of one channel.
type track struct {
	next int
	seen uint64 // of the 64 before next; bit 0 is next-1
}

// A tally is what a reader counts for all its subscribers.
type tally struct {
	latency   Latency
	connects  Latency
	delivered int64 // not yet told to the publishers
}

func newFollower(l layout, number, publishers int, t *tally) *follower {
	return &follower{
		layout: l, number: number, publishers: publishers, tally: t,
		tracks: make([]track, l.each*publishers), orders: make([]uint64, l.each),
	}
}

var errStrange = errors.New("bench: a message that nobody sent")

// take counts a message that came at now.
func (f *follower) take(m marker, now int64) {
	slot, ok := f.layout.slot(f.number, m.channel)
	if !ok || m.publisher >= f.publishers {
		f.strange = fmt.Errorf("%w: publisher %d, channel %d, number %d", errStrange, m.publisher, m.channel, m.number)
		return
	}
	if !f.tracks[slot*f.publishers+m.publisher].take(m.number, f) {
		return // one that comes again makes no room for another
	}
	f.tally.delivered++
	f.received++
	f.orders[slot] = (f.orders[slot] ^ uint64(m.publisher)<<48 ^ uint64(m.number)) * 0x9e3779b97f4a7c15
	f.tally.latency.record(time.Duration(now - m.due))
}

// take reports whether the message had not come before. One that is more than
// 64 behind counts as doubled, not as late: which of the two it is, nobody
// remembers.
func (t *track) take(n int, f *follower) bool {
	if n >= t.next {
		if ahead := n + 1 - t.next; ahead < 64 {
			t.seen = t.seen<<ahead | 1
		} else {
			t.seen = 1
		}
		t.next = n + 1
		return true
	}
	behind := t.next - 1 - n
	if behind >= 64 || t.seen&(1<<behind) != 0 {
		f.doubled++
		return false
	}
	t.seen |= 1 << behind
	f.disordered++
	return true
}

// differing is how many followers have got the messages of a channel in
// another order than most. It is for followers that lost nothing.
func differing(l layout, followers []*follower) int {
	orders := make([]map[uint64]int, l.channels) // followers, by the order's hash
	for _, f := range followers {
		for slot, channel := range l.of(f.number) {
			if orders[channel] == nil {
				orders[channel] = make(map[uint64]int)
			}
			orders[channel][f.orders[slot]]++
		}
	}
	n := 0
	for _, counts := range orders {
		most, all := 0, 0
		for _, count := range counts {
			most, all = max(most, count), all+count
		}
		n += all - most
	}
	return n
}

// lost is how many of the messages that were sent did not come. sent counts
// them by publisher and channel.
func (f *follower) lost(sent [][]int) int {
	n := -f.received
	for _, channel := range f.layout.of(f.number) {
		for _, channels := range sent {
			n += channels[channel]
		}
	}
	return n
}
