package memcache

import (
	"context"

	"github.com/commchannel/gateway/protocol"
)

// A polling client's place is an entry of the document, as PHP keeps it:
// "_overhead_<client>": {"lastID": X}. X is the id of the last entry that the
// client has seen, messages and private ones alike; PHP makes it a number
// where it would make the id an integer; false is the place before all.

func isPlace(e entry) bool { return len(e.id) > len(overhead) && e.id[:len(overhead)] == overhead }

// A lastID is what a place says.
type lastID struct {
	id     string
	all    bool // false: the place before all
	number bool // the id is written as a number
}

// lastIDOf is the one that PHP would write for an entry.
func lastIDOf(id string) lastID { return lastID{id: id, number: canonicalInt(id)} }

func parseLastID(raw []byte) (last lastID) {
	p := &scanner{s: raw}
	p.object(func(key []byte) bool {
		value, ok := p.value()
		if !ok || unquoteName(key) != "lastID" {
			return ok
		}
		switch {
		case value[0] == '"':
			last = lastID{id: unquoteName(value)}
		case string(value) == "false":
			last = lastID{all: true}
		default:
			last = lastID{id: string(value), number: true}
		}
		return true
	})
	return last
}

func (l lastID) json() []byte {
	out := []byte(`{"lastID":`)
	switch {
	case l.all:
		out = append(out, "false"...)
	case l.number:
		out = append(out, l.id...)
	default:
		out = protocol.AppendString(out, l.id)
	}
	return append(out, '}')
}

// ClientCursor returns the place of a polling client. One whose entry is gone
// is, as in PHP, at the channel's end, unless this process remembers it.
func (s *Store) ClientCursor(ctx context.Context, channel, client string) (protocol.Cursor, error) {
	if err := s.begin(ctx, channel); err != nil {
		return "", err
	}
	defer s.calls.Done()
	d, l, err := s.fetch(channel)
	if err != nil {
		return "", err
	}
	i, ok := d.index[overhead+client]
	if !ok {
		return "", nil
	}
	last := parseLastID(d.entries[i].raw)
	if at, known := d.indexOf(last); known {
		return d.placeBehind(at, l), nil
	}
	if f := s.follower(channel); f != nil {
		if c, ok := f.cursorOf(last.id); ok {
			return c, nil
		}
	}
	return d.tail(l), nil
}

// placeBehind is the place behind an entry: behind the last message up to it,
// or else before the first one.
func (d *document) placeBehind(i int, l look) protocol.Cursor {
	if m := d.lastMessage(i); m >= 0 {
		return d.entries[m].cursor()
	}
	if m := d.firstMessage(i); m >= 0 {
		return "_" + d.entries[m].cursor()
	}
	return l.here()
}

// SetClientCursor writes the place of a polling client as PHP does, so that
// its next poll may go to either. It takes the channel's lock only where the
// place has changed. Errors are those of Append.
func (s *Store) SetClientCursor(ctx context.Context, channel, client string, c protocol.Cursor) error {
	if err := s.begin(ctx, channel); err != nil {
		return err
	}
	defer s.calls.Done()
	id := overhead + client
	at := parsePlace(c)
	item, err := s.server.get(s.key(channel))
	if err != nil {
		return err
	}
	d, err := unpack(item)
	if err != nil {
		return err
	}
	if d.hasPlace(id, d.lastIDAt(at, id)) {
		return nil
	}
	return s.change(ctx, channel, len(id), func(d *document) {
		if last := d.lastIDAt(at, id); !d.hasPlace(id, last) {
			d.set(id, last.json())
		}
	})
}

// hasPlace reports whether own says the same already: that the same messages
// follow. PHP has private entries as places, too, where we have messages.
func (d *document) hasPlace(own string, last lastID) bool {
	i, ok := d.index[own]
	if !ok {
		return false
	}
	is := parseLastID(d.entries[i].raw)
	isAt, isKnown := d.indexOf(is)
	at, known := d.indexOf(last)
	if !isKnown || !known {
		return is == last
	}
	return d.firstMessage(isAt) == d.firstMessage(at)
}

// indexOf is the index of the entry that a place is behind, -1 for the place
// before all.
func (d *document) indexOf(last lastID) (i int, known bool) {
	if last.all {
		return -1, true
	}
	i, known = d.index[last.id]
	return i, known
}

// lastIDAt is what own, a polling client's entry, must say for a place. Where
// d does not know the place, it is the id that the place shows, or else d's
// end.
func (d *document) lastIDAt(at place, own string) lastID {
	first := d.firstMessage(-1)
	if first < 0 {
		return lastIDOf(own) // everything that comes will be behind it
	}
	switch at.kind {
	case oldest, empty:
		return d.idBefore(first)
	case before:
		if i := d.find(at.cursor); i >= 0 {
			return d.idBefore(i)
		}
	case behind:
		if i := d.find(at.cursor); i >= 0 {
			return lastIDOf(d.entries[i].id)
		}
		if id, ok := idIn(at.cursor); ok {
			return lastIDOf(id)
		}
	}
	return lastIDOf(d.entries[len(d.entries)-1].id)
}

func (d *document) idBefore(i int) lastID {
	if i == 0 {
		return lastID{all: true}
	}
	return lastIDOf(d.entries[i-1].id)
}
