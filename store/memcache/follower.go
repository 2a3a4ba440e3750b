package memcache

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A follower is what the store knows of a channel that is watched. Looks come
// from the poller and from Reads at once; one that began before another was
// taken in is dropped, as it may be older.
type follower struct {
	channel, key string
	remember     int
	seed         maphash.Seed

	reading sync.Mutex // held by the Read that looks

	mu       sync.Mutex // guards all below
	watchers map[*watcher]struct{}
	begun    uint64 // looks begun
	looked   uint64 // the newest of them that was taken in
	appended uint64 // looks begun until the newest own Append
	version  uint64 // changes taken in
	fresh    bool   // something came that no page was made of

	// Of the newest look.
	ready     bool
	seenAt    time.Time
	life      string
	lifeCAS   uint64
	cas       uint64           // 0: a miss
	present   bool             // the item is a channel
	last      string           // id of the last message, "" where there is none
	known     map[string]known // by id: the messages in the document
	safeUntil time.Time        // before this the document can't end its life
	touched   time.Time

	record record
}

// known is a message in the document as it was last.
type known struct {
	raw    uint64 // hash of its JSON: only where that changed is it decoded
	cursor protocol.Cursor
}

func newFollower(channel, key string, remember int) *follower {
	return &follower{
		channel: channel, key: key, remember: remember, seed: maphash.MakeSeed(),
		watchers: make(map[*watcher]struct{}), record: newRecord(),
	}
}

// A ticket is a look that was begun.
type ticket struct{ number, version uint64 }

func (f *follower) beginLook() ticket {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun++
	return ticket{f.begun, f.version}
}

func (f *follower) looksBegun() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// lookedSince reports whether a look was taken in that began after so many.
func (f *follower) lookedSince(begun uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked > begun
}

// see takes a look in and hints where there is news. ok is false where another
// was faster. err tells that the item can't be read; it counts as none.
func (f *follower) see(t ticket, l look, now time.Time) (ok, news bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.version != f.version {
		return false, false, nil
	}
	f.looked = max(f.looked, t.number)
	var cas uint64
	item := l.items[f.key]
	if item != nil {
		cas = item.CasID
	}
	// Of two misses it matters how long they are apart; see lost.
	if f.ready && l.life == f.life && cas == f.cas && (cas != 0 || l.begun.Sub(f.seenAt) < leastLife) {
		f.seenAt, f.lifeCAS = l.begun, l.lifeCAS
		return true, false, nil
	}
	d, err := unpack(item)
	present := err == nil && item != nil && item.Flags != flagsFalse
	if err != nil {
		d = newDocument()
	}
	news = f.takeIn(d, present, l, now)
	f.cas, f.present, f.life, f.lifeCAS, f.seenAt = cas, present, l.life, l.lifeCAS, l.begun
	f.version++
	f.ready = true
	if news {
		f.fresh = true
		f.hint()
	}
	return true, news, err
}

// takeIn finds what is new in d.
func (f *follower) takeIn(d *document, present bool, l look, now time.Time) (news bool) {
	at := l.begun.UnixMilli()
	if !f.ready {
		f.record.since, news = at, true
	} else {
		if news = f.lost(d, present, l, now); news {
			f.record.breakAt(at)
		}
		f.safeUntil = f.seenAt.Add(leastLife) // it was written after the look before
	}
	next := make(map[string]known, len(f.known)+1)
	f.last = ""
	for _, e := range d.entries {
		if e.private() {
			continue
		}
		f.last = e.id
		raw := maphash.Bytes(f.seed, e.raw)
		k, ok := f.known[e.id]
		if !ok || k.raw != raw {
			m := e.message()
			// PHP may only have written it in another way.
			if (!ok || k.cursor != m.Cursor) && f.record.add(m, at) {
				news = true
			}
			k = known{raw, m.Cursor}
		}
		next[e.id] = k
	}
	f.known = next
	f.record.trim(f.remember)
	return news
}

// lost reports whether messages may have come and gone unseen before d. They
// did not where d still has the message that was last. Else the document must
// have ended its life in the ordinary way, under our eyes.
func (f *follower) lost(d *document, present bool, l look, now time.Time) bool {
	_, kept := d.index[f.last]
	switch {
	case f.last != "" && kept:
		return false
	case l.life != f.life, l.begun.Sub(f.seenAt) >= leastLife:
		return true
	case !f.present, f.last == "" && present:
		return false
	}
	return now.Before(f.safeUntil)
}

// hint never blocks. Under mu.
func (f *follower) hint() {
	for w := range f.watchers {
		w.hint()
	}
}

// hasAppended hints at a message that this process has written.
func (f *follower) hasAppended() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.appended = f.begun
	f.hint()
}

// served gives a page without a look where that is good enough: it is full, or
// it is the first one after something came, and nothing was appended here
// since.
func (f *follower) served(at place, limit int) (p store.Page, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ready {
		return p, false
	}
	p, ok = f.record.page(at, limit, f.life, f.here())
	switch {
	case !ok, len(p.Messages) == 0:
		return p, false
	case len(p.Messages) == limit:
		return p, true
	}
	ok = f.fresh && f.looked > f.appended
	f.fresh = false
	return p, ok
}

// page gives a page after a look.
func (f *follower) page(at place, limit int) (p store.Page, found bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh = false
	return f.record.page(at, limit, f.life, f.here())
}

// all gives everything remembered, for a place that is not known. ok is false
// where the document may have more.
func (f *follower) all(limit int) (p store.Page, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok = f.record.page(place{kind: oldest}, limit, f.life, f.here())
	p.Gap = true
	return p, ok
}

// tail is the place at the end at the newest look.
func (f *follower) tail() protocol.Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.record.seen); n > 0 && f.last != "" {
		return f.record.seen[n-1].Cursor
	}
	return f.here()
}

// cursorOf finds a message by its id.
func (f *follower) cursorOf(id string) (protocol.Cursor, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.record.ids[id]
	if !ok {
		return "", false
	}
	return f.record.seen[n-f.record.first].Cursor, true
}

// here is the place behind a channel without messages. Under mu.
func (f *follower) here() protocol.Cursor { return emptyCursor(f.seenAt.UnixMilli(), f.life) }
