package memcache

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
)

// errNotDocument: the text is not what the PHP library calls a channel.
var errNotDocument = errors.New("not a channel's JSON")

// overhead begins the ids of polling clients' places.
const overhead = "_overhead_"

// An entry is one member of a channel's "messages": a message, or where id
// begins with "_", something private.
type entry struct {
	id  string
	raw []byte // the value's JSON as it stands in the document
}

func (e entry) private() bool { return len(e.id) > 0 && e.id[0] == '_' }

// text is the message: what the JSON string says, or for any other value its
// JSON. The memory is its own.
func (e entry) text() []byte {
	if e.raw[0] == '"' {
		return unquote(e.raw)
	}
	return bytes.Clone(e.raw)
}

// A document is a channel as memcached holds it: one JSON object whose
// "messages" is an ordered map from id to value. PHP's order of keys is the
// order of messages, so it is never put into a Go map and back.
type document struct {
	json    []byte
	entries []entry
	index   map[string]int // id -> place in entries
	members []member       // of the outermost object
	// splice is the offset in json of the brace that ends "messages", where
	// that is all that stands before the end; else -1.
	splice  int
	decoded int  // with splice, how many of entries json holds
	changed bool // by set
}

type member struct {
	key string
	raw []byte // nil for "messages"
}

// newDocument is a channel nobody wrote to.
func newDocument() *document {
	return &document{index: map[string]int{}, members: []member{{"lastid", []byte("0")}, {"messages", nil}}, splice: -1}
}

// decode reads a channel's text. It is as lenient as PHP: white space, any
// order of members, further ones, "messages" as a list (whose ids are the
// indexes) or missing. Where an id is there twice, the first place and the
// last value count. The document shares text's memory.
func decode(text []byte) (*document, error) {
	if !utf8.Valid(text) {
		return nil, errNotDocument // PHP can't read it either
	}
	d := &document{json: text, index: map[string]int{}, splice: -1}
	p := &scanner{s: text}
	last := ""
	ok := p.object(func(key []byte) bool {
		last = unquoteName(key)
		return d.member(p, last)
	})
	if !ok || p.i != len(text) {
		return nil, errNotDocument
	}
	d.findSplice(last)
	return d, nil
}

// start empties d's entries, with room for what so many bytes may hold.
func (d *document) start(size int) {
	d.entries = make([]entry, 0, min(size/64+1, 1024))
	d.index = make(map[string]int, cap(d.entries))
}

// maxMembers bounds the outermost object's. PHP writes two.
const maxMembers = 64

// member reads the value of one member of the outermost object.
func (d *document) member(p *scanner, key string) bool {
	if len(d.members) == maxMembers {
		return false
	}
	again := slices.IndexFunc(d.members, func(m member) bool { return m.key == key })
	if key == "messages" {
		if again < 0 {
			d.members = append(d.members, member{key, nil})
		}
		return d.messages(p)
	}
	raw, ok := p.value()
	if again >= 0 {
		d.members[again].raw = raw
	} else {
		d.members = append(d.members, member{key, raw})
	}
	return ok
}

func (d *document) messages(p *scanner) bool {
	d.start(len(p.s) - p.i)
	if p.i == len(p.s) {
		return false
	}
	switch p.s[p.i] {
	case '{':
		return p.object(func(key []byte) bool {
			id := unquoteName(key)
			raw, ok := p.value()
			d.put(id, raw)
			return ok
		})
	case '[':
		return p.array(func() bool {
			raw, ok := p.value()
			d.put(strconv.Itoa(len(d.entries)), raw)
			return ok
		})
	}
	raw, ok := p.value()
	return ok && string(raw) == "null"
}

// put sets id's value where id is, or else at the end.
func (d *document) put(id string, raw []byte) {
	if i, ok := d.index[id]; ok {
		d.entries[i].raw = raw
		return
	}
	d.index[id] = len(d.entries)
	d.entries = append(d.entries, entry{id, raw})
}

// findSplice looks whether entries may simply be written in before the end:
// "messages" is an object and the last member, as all writers leave it.
func (d *document) findSplice(lastKey string) {
	inner, ok := bytes.CutSuffix(bytes.TrimRight(d.json, " \t\r\n"), []byte("}"))
	if !ok || lastKey != "messages" {
		return
	}
	if inner = bytes.TrimRight(inner, " \t\r\n"); inner[len(inner)-1] == '}' {
		d.splice, d.decoded = len(inner)-1, len(d.entries)
	}
}

// set writes an entry: in its place where id is there, or else at the end.
func (d *document) set(id string, raw []byte) {
	if _, ok := d.index[id]; ok {
		d.splice = -1
	}
	d.put(id, raw)
	d.changed = true
}

// text gives d's JSON as it is after the sets.
func (d *document) text() []byte {
	if d.splice < 0 {
		return d.encode(d.entries)
	}
	size := len(d.json)
	for _, e := range d.entries[d.decoded:] {
		size += len(e.id) + len(e.raw) + len(`,"":`)
	}
	out := append(make([]byte, 0, size+8), d.json[:d.splice]...)
	for i, e := range d.entries[d.decoded:] {
		if d.decoded+i > 0 {
			out = append(out, ',')
		}
		out = append(protocol.AppendString(out, e.id), ':')
		out = append(out, e.raw...)
	}
	return append(out, d.json[d.splice:]...)
}

// encode writes d anew with these entries, and keeps members it doesn't know.
func (d *document) encode(entries []entry) []byte {
	out := append(make([]byte, 0, len(d.json)+256), '{')
	hasMessages := false
	for _, m := range d.members {
		out = append(protocol.AppendString(comma(out), m.key), ':')
		if m.key == "messages" {
			out, hasMessages = appendEntries(out, entries), true
		} else {
			out = append(out, m.raw...)
		}
	}
	if !hasMessages {
		out = appendEntries(append(comma(out), `"messages":`...), entries)
	}
	return append(out, '}')
}

func appendEntries(out []byte, entries []entry) []byte {
	out = append(out, '{')
	for _, e := range entries {
		out = append(protocol.AppendString(comma(out), e.id), ':')
		out = append(out, e.raw...)
	}
	return append(out, '}')
}

// comma separates a member from the one before, if there is one.
func comma(out []byte) []byte {
	if out[len(out)-1] == '{' {
		return out
	}
	return append(out, ',')
}
