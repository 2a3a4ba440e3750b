package memcache

import (
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// maxRemembered bounds the texts that one record holds, in bytes.
const maxRemembered = 1 << 20

// A record is what a follower saw of its channel: the messages in the order in
// which they came, numbered from 1. It keeps them when the document ends, and
// tells where some may be missing. Its follower's mutex guards it.
type record struct {
	seen   []seen // oldest first
	first  uint64 // the number of seen[0], or of the next one
	places map[protocol.Cursor]uint64
	ids    map[string]uint64
	bytes  int

	since    int64  // when the first look was, in unix milliseconds
	broken   uint64 // the number of the first message behind the newest gap; 0: no gap
	brokenAt int64  // when that was found
}

type seen struct {
	store.Message
	at int64 // when, in unix milliseconds
}

func newRecord() record {
	return record{first: 1, places: make(map[protocol.Cursor]uint64), ids: make(map[string]uint64)}
}

func (r *record) next() uint64 { return r.first + uint64(len(r.seen)) }

// add takes a message in, unless it was seen before.
func (r *record) add(m store.Message, at int64) bool {
	if _, ok := r.places[m.Cursor]; ok {
		return false
	}
	r.places[m.Cursor], r.ids[m.ID] = r.next(), r.next()
	r.seen = append(r.seen, seen{m, at})
	r.bytes += len(m.Text)
	return true
}

// breakAt notes that messages may be missing before the next one.
func (r *record) breakAt(at int64) { r.broken, r.brokenAt = r.next(), at }

// trim drops the oldest beyond the bounds, but never the last.
func (r *record) trim(most int) {
	n := 0
	for ; n < len(r.seen)-1 && (len(r.seen)-n > most || r.bytes > maxRemembered); n++ {
		m := &r.seen[n]
		r.bytes -= len(m.Text)
		delete(r.places, m.Cursor)
		if r.ids[m.ID] == r.first+uint64(n) {
			delete(r.ids, m.ID)
		}
	}
	clear(r.seen[:n]) // the array stays for a while, the texts must not
	r.seen = r.seen[n:]
	r.first += uint64(n)
}

// page is what follows at; found is false where the record doesn't know the
// place. here stands for the end where no message does.
func (r *record) page(at place, limit int, life string, here protocol.Cursor) (p store.Page, found bool) {
	from, gap, found := r.locate(at, life)
	if !found {
		return p, false
	}
	p.Gap = gap
	for _, m := range r.seen[from-r.first:] {
		if len(p.Messages) == limit {
			break
		}
		p.Messages = append(p.Messages, m.Message)
	}
	switch n := len(p.Messages); {
	case n > 0:
		p.Cursor = p.Messages[n-1].Cursor
	case at.kind == behind && !gap:
		p.Cursor = at.cursor
	default:
		p.Cursor = here // also behind a gap, so that it is told but once
	}
	return p, true
}

// locate gives the number of the first message that follows at.
func (r *record) locate(at place, life string) (from uint64, gap, found bool) {
	switch at.kind {
	case oldest:
		return r.first, false, r.first == 1
	case behind:
		n, ok := r.places[at.cursor]
		return n + 1, n < r.broken, ok
	case before:
		n, ok := r.places[at.cursor]
		return n, n < r.broken, ok
	case empty:
		return r.locateTime(at, life)
	}
	return 0, false, false
}

// locateTime finds what came after a time at which the channel had no message.
// The time may be by another gateway's clock: what was seen within skew before
// it counts as after, since what was really before has ended its life.
func (r *record) locateTime(at place, life string) (from uint64, gap, found bool) {
	if at.time < r.since-(leastLife-skew).Milliseconds() {
		return 0, false, false
	}
	from = r.first
	for _, m := range r.seen {
		if m.at > at.time-skew.Milliseconds() {
			break
		}
		from++
	}
	gap = at.life != life || at.time < r.brokenAt
	if !gap {
		from = max(from, r.broken)
	}
	return from, gap, from > r.first || r.first == 1
}
