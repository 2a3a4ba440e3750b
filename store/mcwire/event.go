package mcwire

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
)

// An Event says that a key was written, or that lines were skipped.
type Event struct {
	// Key as the writer named it. It is valid until the next call.
	Key []byte
	// Status is "stored"; or "too_large" or "no_memory", after which a set
	// has removed what the key held; or "" for one unknown. Commands that
	// changed nothing (not_stored, exists, not_found) make no events.
	Status string
	// Cmd is "set", "add", "replace", "append", "prepend" or "cas"; or ""
	// for one unknown. Meta commands show as one of these.
	Cmd string
	// TTL is the time to live in seconds, 0 for endless, and Size that of
	// the value in bytes. Where the line does not tell, they are -1; servers
	// before 1.6.11 tell no size.
	TTL, Size int64
	// Skipped is not 0 for an event of its own, without a key: the server
	// left out as many lines since this reader was too slow.
	Skipped uint64
}

var (
	commands  = []string{"set", "add", "replace", "append", "prepend", "cas"}
	statuses  = []string{"stored", "too_large", "no_memory"}
	unchanged = []string{"not_stored", "exists", "not_found"}
)

// A filter makes events of lines.
type filter struct {
	prefixes []string // of the keys of interest; none for all
	key      [maxKey]byte
}

// parse is false for a line that is of no interest, or not understood. Most
// lines are of no interest: a waiter for a lock alone makes thousands per
// second. So the key is looked at first, and nothing allocates.
func (f *filter) parse(line []byte) (ev Event, ok bool) {
	_, encoded, found := bytes.Cut(line, []byte(" key="))
	if !found {
		return skippedLines(line)
	}
	if end := bytes.IndexByte(encoded, ' '); end >= 0 {
		encoded = encoded[:end]
	}
	if !f.wants(encoded) {
		return ev, false
	}
	if !ev.parseFields(line) {
		return ev, false
	}
	key, ok := decode(f.key[:0], encoded)
	ev.Key = key
	return ev, ok && len(key) > 0
}

// parseFields is false where the line is of another type, or nothing changed.
func (ev *Event) parseFields(line []byte) bool {
	stores := false
	ev.TTL, ev.Size = -1, -1
	for len(line) > 0 {
		var field []byte
		field, line, _ = bytes.Cut(line, space)
		name, value, _ := bytes.Cut(field, []byte("="))
		switch string(name) {
		case "type":
			stores = string(value) == "item_store"
		case "status":
			if known(value, unchanged) != "" {
				return false
			}
			ev.Status = known(value, statuses)
		case "cmd":
			ev.Cmd = known(value, commands)
		case "ttl":
			ev.TTL = amount(value)
		case "size":
			ev.Size = amount(value)
		}
	}
	return stores
}

func skippedLines(line []byte) (ev Event, ok bool) {
	digits, found := bytes.CutPrefix(line, []byte("skipped="))
	if !found {
		return ev, false
	}
	ev.Skipped, ok = number(digits, math.MaxUint64)
	return ev, ok && ev.Skipped > 0
}

// known returns the word of words that b is, or "".
func known(b []byte, words []string) string {
	if i := slices.IndexFunc(words, func(w string) bool { return w == string(b) }); i >= 0 {
		return words[i]
	}
	return ""
}

func amount(digits []byte) int64 {
	if n, ok := number(digits, math.MaxInt64); ok {
		return int64(n)
	}
	return -1
}

// wants compares the beginning of an encoded key without decoding it all.
func (f *filter) wants(encoded []byte) bool {
	for _, p := range f.prefixes {
		if hasPrefix(encoded, p) {
			return true
		}
	}
	return len(f.prefixes) == 0
}

func hasPrefix(encoded []byte, prefix string) bool {
	for i := range len(prefix) {
		b, size := decodeByte(encoded)
		if size == 0 || b != prefix[i] {
			return false
		}
		encoded = encoded[size:]
	}
	return true
}

// decode appends the decoded key to key, of which it must not pass the
// capacity.
func decode(key, encoded []byte) (decoded []byte, ok bool) {
	for len(encoded) > 0 {
		b, size := decodeByte(encoded)
		if size == 0 || len(key) == cap(key) {
			return nil, false
		}
		key = append(key, b)
		encoded = encoded[size:]
	}
	return key, true
}

// decodeByte decodes the first byte of a key, and tells how many bytes it
// took: 0 for none.
func decodeByte(encoded []byte) (b byte, size int) {
	switch {
	case len(encoded) == 0:
		return 0, 0
	case encoded[0] != '%':
		return encoded[0], 1
	case len(encoded) < 3:
		return 0, 0
	}
	var octet [1]byte
	if _, err := hex.Decode(octet[:], encoded[1:3]); err != nil {
		return 0, 0
	}
	return octet[0], 3
}
