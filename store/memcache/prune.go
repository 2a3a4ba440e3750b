package memcache

import (
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
)

const (
	// pruneAbove is the size of a document, in bytes of JSON, from which on
	// entries that nobody waits for are dropped. The PHP extension stalls
	// for tens of milliseconds, the lock held, when it writes 32 KiB.
	pruneAbove = 32 << 10
	// retention is how old a message must be to be dropped.
	retention = 2 * time.Minute
	// keepNewest are kept whatever their age: hosts' clocks may differ.
	keepNewest = 100
	// keepClients bounds the polling clients' places.
	keepClients = 4096
)

// pruned drops from a document that has grown large what nobody waits for: the
// messages that are older than the retention but for the newest of them, and
// the places of polling clients who stand before those. A client that polls
// stands at the channel's newest message or, when others have just come,
// not far behind it; so one whose place is followed by a message older than
// the retention has stopped polling.
func (d *document) pruned(now time.Time) *document {
	if len(d.json) < pruneAbove {
		return d
	}
	from := d.firstNeeded(now)
	if from < len(d.entries)/8 && len(d.entries) < keepClients {
		return d // not worth writing all of it anew, at each append perhaps
	}
	needed := d.places(from)
	entries := slices.Collect(func(yield func(entry) bool) {
		for i, e := range d.entries {
			if (e.private() || i >= from) && (!isPlace(e) || needed[e.id]) && !yield(e) {
				return
			}
		}
	})
	if len(entries) == len(d.entries) {
		return d
	}
	next := &document{json: d.json, members: d.members, splice: -1, index: make(map[string]int, len(entries))}
	for _, e := range entries {
		next.put(e.id, e.raw)
	}
	return next
}

// firstNeeded is the index of the newest message that is older than the
// retention, with none but old ones before it. Age is measured against the
// youngest message or our clock, whichever is behind, lest a clock that is
// wrong on one host makes all messages look old.
func (d *document) firstNeeded(now time.Time) int {
	var messages []int
	newest := int64(0)
	for i, e := range d.entries {
		if !e.private() {
			messages = append(messages, i)
			newest = max(newest, protocol.MessageTime(e.id))
		}
	}
	limit := min(newest, now.UnixMilli()) - retention.Milliseconds()
	first := 0
	for _, i := range messages[:max(0, len(messages)-keepNewest)] {
		// An id that tells no time is as old as the next that does.
		switch at := protocol.MessageTime(d.entries[i].id); {
		case at == 0:
		case at < limit:
			first = i
		default:
			return first
		}
	}
	return first
}

// places gives the ids of the polling clients' places to keep: those that
// stand at from or behind it, at most keepClients, and those that such a
// client has as its place.
func (d *document) places(from int) map[string]bool {
	needed := make(map[string]bool)
	for i := len(d.entries) - 1; i >= 0 && len(needed) < keepClients; i-- {
		e := d.entries[i]
		if !isPlace(e) {
			continue
		}
		last := parseLastID(e.raw)
		at, known := d.index[last.id]
		if last.all {
			at, known = i, true // it stays so only for an instant
		}
		if known && at >= from {
			needed[e.id], needed[d.entries[at].id] = true, true
		}
	}
	return needed
}
