package memcache

import (
	"bytes"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/store"
)

// What those who look at memcached from outside have to know.
const (
	FlagsZlib  = flagsZlib
	FlagsFalse = flagsFalse // the value "0": PHP failed to encode the channel, and lost it
	FlagsLock  = flagsLock

	Life       = ttl * time.Second // of a document that nobody writes to
	LockLife   = lockTTL * time.Second
	MaxText    = maxText    // bytes of JSON, inflated, above which nobody reads it
	MaxStored  = maxStored  // bytes, above which messages are refused
	SlowForPHP = pruneAbove // bytes as stored, from which on PHP stalls when it writes
)

// KeyPrefix is what a channel's key has before its name.
func (c Config) KeyPrefix() string { return c.Prefix + documentName }

// Keys are those of a channel's document, and of its lock.
func (c Config) Keys(channel string) (document, lock string) {
	return c.KeyPrefix() + channel, c.Prefix + lockName + channel
}

// A View is a document as people may want to see it: with all that is odd.
type View struct {
	Text     []byte   // its JSON, inflated; nil where it can't be inflated
	Err      error    // why it can't be read, or nil; then there is no more than Text
	LastID   string   // its "lastid", which means nothing: JSON, or "" where there is none
	Others   []string // members beside "lastid" and "messages"
	Repeated []string // ids that are there more than once
	List     bool     // "messages" is a list, and not empty: ids are places in it
	Entries  []ViewEntry
}

// A ViewEntry is one member of "messages".
type ViewEntry struct {
	ID   string
	JSON []byte // as it stands
	// Message is nil for what is private.
	Message *store.Message
	// Place is a polling client's, or nil.
	Place *ViewPlace
}

// A ViewPlace is where a polling client stands.
type ViewPlace struct {
	Client string
	LastID string // of the entry it stands behind; "": before all
	Known  bool   // that entry is there
	Follow int    // messages behind the place; 0 where it is not known
	// Lost says that PHP can't find the entry although it is there: its id is
	// an integer for PHP, and a string here.
	Lost bool
}

// NewView reads what memcached holds of a channel.
func NewView(flags uint32, value []byte) *View {
	v := &View{Text: value}
	if flags == flagsZlib {
		v.Text, v.Err = inflate(value)
	}
	d, err := unpack(&memcache.Item{Flags: flags, Value: value})
	if err != nil {
		v.Err = err
		return v
	}
	for _, m := range d.members {
		switch m.key {
		case "lastid":
			v.LastID = string(m.raw)
		case "messages":
		default:
			v.Others = append(v.Others, m.key)
		}
	}
	v.Repeated, v.List = shape(d.json)
	for _, e := range d.entries {
		seen := ViewEntry{ID: e.id, JSON: e.raw}
		switch {
		case isPlace(e):
			seen.Place = d.viewPlace(e)
		case !e.private():
			m := e.message()
			seen.Message = &m
		}
		v.Entries = append(v.Entries, seen)
	}
	return v
}

func (d *document) viewPlace(e entry) *ViewPlace {
	last := parseLastID(e.raw)
	p := &ViewPlace{Client: e.id[len(overhead):], LastID: last.id}
	at, known := d.indexOf(last)
	if p.Known = known; !known {
		return p
	}
	p.Lost = !last.all && last.number != canonicalInt(last.id)
	for _, e := range d.entries[at+1:] {
		if !e.private() {
			p.Follow++
		}
	}
	return p
}

// shape tells of a document what decode is lenient about.
func shape(text []byte) (repeated []string, list bool) {
	p := &scanner{s: text}
	p.object(func(key []byte) bool {
		if unquoteName(key) != "messages" || p.i == len(text) || text[p.i] != '{' {
			raw, ok := p.value()
			list = list || unquoteName(key) == "messages" && ok && raw[0] == '[' && len(bytes.Trim(raw, "[] \t\r\n")) > 0
			return ok
		}
		times := make(map[string]int)
		return p.object(func(key []byte) bool {
			id := unquoteName(key)
			if times[id]++; times[id] == 2 {
				repeated = append(repeated, id)
			}
			_, ok := p.value()
			return ok
		})
	})
	return repeated, list
}
