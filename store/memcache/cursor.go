package memcache

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// Cursors are made of the document alone, so that every gateway, now and
// after a restart, gives a message the same one. Forms:
//
//	<id>.<mark>        behind the message with this id and value
//	~<22 characters>   the same, for an id that is long or not URL-safe
//	_<either>          before that message
//	-.<time>.<life>    behind everything, taken when the channel held no message
//
// The mark tells values apart that were written under one id: PHP's uniqid
// gives the same to two processes now and then. The time is unix milliseconds
// in base 36; life names memcached's contents (see server.life).
const (
	markBytes  = 6 // of a value's hash
	markLength = 8 // the same in base64url
	hashBytes  = 16
	maxPlainID = protocol.MaxCursor - len("_.") - markLength
)

// hashOf hashes what a value means, not how it is written: PHP encodes the
// whole document anew at each write, with other escapes, `1` for `1.0` and
// `[]` for `{}`.
func hashOf(raw []byte) [sha256.Size]byte {
	if raw[0] == '"' {
		return sha256.Sum256(unquote(raw))
	}
	h := sha256.New()
	_, _ = io.WriteString(h, "\x00value\x00")
	hashValue(h, raw)
	return [sha256.Size]byte(h.Sum(nil))
}

// hashValue writes raw's tokens to h. Arrays and objects are alike, since PHP
// knows but one kind: an ordered map.
func hashValue(h hash.Hash, raw []byte) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var next []int // of each container that is open: the next index, -1 in an object
	for {
		token, err := dec.Token()
		if err != nil {
			return // the end: raw is valid
		}
		delim, _ := token.(json.Delim)
		if n := len(next); n > 0 && next[n-1] >= 0 && delim != ']' {
			hashToken(h, strconv.Itoa(next[n-1]))
			next[n-1]++
		}
		switch delim {
		case '[', '{':
			hashToken(h, "(")
			next = append(next, -1)
			if delim == '[' {
				next[len(next)-1] = 0
			}
		case ']', '}':
			hashToken(h, ")")
			next = next[:len(next)-1]
		default:
			hashToken(h, scalar(token))
		}
	}
}

func hashToken(h hash.Hash, s string) {
	_, _ = io.WriteString(h, strconv.Itoa(len(s))+":"+s)
}

func scalar(token json.Token) string {
	switch v := token.(type) {
	case string:
		return v
	case bool:
		return "b" + strconv.FormatBool(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return "n" + strconv.FormatInt(n, 10)
		}
		x, _ := v.Float64()                                // infinite where it is beyond
		return "n" + strconv.FormatFloat(x+0, 'f', -1, 64) // +0: PHP makes 0 of -0
	}
	return "null"
}

// cursor is the place behind e.
func (e entry) cursor() protocol.Cursor { return newCursor(e.id, hashOf(e.raw)) }

// message is e as stores give it.
func (e entry) message() store.Message {
	m := store.Message{ID: e.id, Text: e.text(), Time: protocol.MessageTime(e.id)}
	if e.raw[0] == '"' {
		m.Cursor = newCursor(e.id, sha256.Sum256(m.Text)) // as hashOf, but unquoted only once
	} else {
		m.Cursor = newCursor(e.id, hashOf(e.raw))
	}
	return m
}

func newCursor(id string, value [sha256.Size]byte) protocol.Cursor {
	if plainID(id) {
		return protocol.Cursor(id + "." + markText(value))
	}
	return hashCursor(id, value)
}

// markText shows so much of a value's hash as a cursor has.
func markText(value [sha256.Size]byte) string {
	return base64.RawURLEncoding.EncodeToString(value[:markBytes])
}

func hashCursor(id string, value [sha256.Size]byte) protocol.Cursor {
	h := sha256.New()
	hashToken(h, id)
	_, _ = h.Write(value[:])
	return protocol.Cursor("~" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:hashBytes]))
}

// plainID reports whether a cursor may hold id as it stands.
func plainID(id string) bool {
	return len(id) <= maxPlainID && id != "" && id[0] != '-' && id[0] != '~' && id[0] != '_' &&
		protocol.CheckCursor(protocol.Cursor(id)) == nil
}

// A place is what a cursor says.
type place struct {
	kind   placeKind
	cursor protocol.Cursor // of the message, for behind and before
	time   int64           // for empty: unix milliseconds
	life   string          // for empty
}

type placeKind int

const (
	unknown placeKind = iota
	oldest            // before all that is kept
	behind            // a message
	before            // a message
	empty             // behind all there was, when there was no message
)

func parsePlace(c protocol.Cursor) place {
	s := string(c)
	switch {
	case s == "":
		return place{kind: oldest}
	case protocol.CheckCursor(c) != nil:
		return place{}
	case strings.HasPrefix(s, "-."):
		digits, life, ok := strings.Cut(s[2:], ".")
		ms, err := strconv.ParseInt(digits, 36, 64)
		if !ok || err != nil || ms < 0 || emptyCursor(ms, life) != c {
			return place{}
		}
		return place{kind: empty, time: ms, life: life}
	case s[0] == '_':
		return place{kind: before, cursor: c[1:]}
	}
	return place{kind: behind, cursor: c}
}

// emptyCursor is the place behind a channel without messages.
func emptyCursor(ms int64, life string) protocol.Cursor {
	return protocol.Cursor("-." + strconv.FormatInt(ms, 36) + "." + life)
}

// idIn is the message id that a cursor shows, where it does.
func idIn(c protocol.Cursor) (id string, ok bool) {
	i := len(c) - markLength - 1
	if i < 1 || c[i] != '.' || !plainID(string(c[:i])) {
		return "", false
	}
	return string(c[:i]), true
}

// find gives the index of the entry that c is the place behind, or -1.
func (d *document) find(c protocol.Cursor) int {
	if id, ok := idIn(c); ok {
		if i, ok := d.index[id]; ok && !d.entries[i].private() && d.entries[i].cursor() == c {
			return i
		}
		return -1
	}
	if !strings.HasPrefix(string(c), "~") {
		return -1
	}
	for i, e := range d.entries {
		if !e.private() && !plainID(e.id) && e.cursor() == c {
			return i
		}
	}
	return -1
}
