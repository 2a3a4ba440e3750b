package memcache

import (
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// skew is by how much the clocks of gateways may differ.
const skew = time.Second

// page is what follows at in d alone, of a channel that nobody here follows.
// found is false where d does not know the place; the page is then all of d,
// with a gap.
func (d *document) page(at place, limit int, l look) (p store.Page, found bool) {
	from, found := d.locate(at, l)
	if !found {
		from, p.Gap = 0, true
	}
	for _, e := range d.entries[from:] {
		if e.private() {
			continue
		}
		if len(p.Messages) == limit {
			break
		}
		p.Messages = append(p.Messages, e.message())
	}
	switch n := len(p.Messages); {
	case n > 0:
		p.Cursor = p.Messages[n-1].Cursor
	case found && at.kind == behind:
		p.Cursor = at.cursor
	default:
		p.Cursor = l.here()
	}
	return p, found
}

// locate gives the index of the first entry that follows at.
func (d *document) locate(at place, l look) (from int, found bool) {
	switch at.kind {
	case oldest:
		return 0, true
	case behind:
		i := d.find(at.cursor)
		return i + 1, i >= 0
	case before:
		i := d.find(at.cursor)
		return max(i, 0), i >= 0
	case empty:
		// There was no message then. What came since is all in d, unless a
		// whole document may have come and gone.
		age := l.begun.Sub(time.UnixMilli(at.time))
		return 0, at.life == l.life && -skew <= age && age < leastLife-skew
	}
	return 0, false
}

// tail is the place behind d's last message.
func (d *document) tail(l look) protocol.Cursor {
	if i := d.lastMessage(len(d.entries) - 1); i >= 0 {
		return d.entries[i].cursor()
	}
	return l.here()
}

// lastMessage is the index of the last message at i or before it, or -1.
func (d *document) lastMessage(i int) int {
	for ; i >= 0 && d.entries[i].private(); i-- {
	}
	return i
}

// firstMessage is the index of the first message behind i, or -1.
func (d *document) firstMessage(i int) int {
	for i++; i < len(d.entries); i++ {
		if !d.entries[i].private() {
			return i
		}
	}
	return -1
}

// here is the place behind a channel that holds no message at this look.
func (l look) here() protocol.Cursor { return emptyCursor(l.begun.UnixMilli(), l.life) }
