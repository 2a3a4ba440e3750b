package memory

import (
	"bytes"
	"container/list"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// idsKept is for how long a message's id is known after it was appended.
const idsKept = 2 * time.Minute

// A channel is one channel's messages, numbered from 1. Its store's mutex
// guards it.
type channel struct {
	name  string
	epoch string
	idle  *list.Element // in Store.idle, nil while watched

	kept  []kept // oldest first, ending with the number last
	last  uint64
	bytes int // of the texts in kept

	ids    map[string]uint64 // of the messages appended lately
	recent []recent          // what is in ids, oldest first
}

type kept struct {
	message  store.Message
	appended time.Time // by our clock; the message's own time may be anything
}

type recent struct {
	id       string
	appended time.Time
}

// add appends m unless its id is known, and returns its place.
func (ch *channel) add(m store.Message, now time.Time) (c protocol.Cursor, isNew bool) {
	ch.forgetIDs(now)
	if n, known := ch.ids[m.ID]; known {
		return newCursor(ch.epoch, n), false
	}
	ch.last++
	m.Cursor = newCursor(ch.epoch, ch.last)
	m.Text = bytes.Clone(m.Text) // alone: a frame's whole buffer must not stay with it
	if m.Time = protocol.MessageTime(m.ID); m.Time == 0 {
		m.Time = now.UnixMilli()
	}
	ch.kept = append(ch.kept, kept{m, now})
	ch.bytes += len(m.Text)
	ch.ids[m.ID] = ch.last
	ch.recent = append(ch.recent, recent{m.ID, now})
	return m.Cursor, true
}

// trim drops what is beyond the bounds.
func (ch *channel) trim(cfg Config, now time.Time) {
	n := 0
	for n < len(ch.kept) && ch.beyond(n, cfg, now) {
		ch.bytes -= len(ch.kept[n].message.Text)
		n++
	}
	clear(ch.kept[:n]) // the array stays for a while, the texts must not
	ch.kept = ch.kept[n:]
	if len(ch.kept) == 0 {
		ch.kept = nil
	}
	ch.forgetIDs(now)
	for len(ch.recent) > maxIDs(cfg) {
		ch.forgetID()
	}
}

// maxIDs bounds the ids that are known of a channel, whatever their age.
func maxIDs(cfg Config) int { return max(4*cfg.MaxMessages, 4096) }

// beyond reports whether the message kept[n] must go, with all before it gone.
func (ch *channel) beyond(n int, cfg Config, now time.Time) bool {
	return len(ch.kept)-n > cfg.MaxMessages || ch.bytes > cfg.MaxBytes ||
		now.Sub(ch.kept[n].appended) >= cfg.MaxAge
}

func (ch *channel) forgetIDs(now time.Time) {
	for len(ch.recent) > 0 && now.Sub(ch.recent[0].appended) >= idsKept {
		ch.forgetID()
	}
}

func (ch *channel) forgetID() {
	delete(ch.ids, ch.recent[0].id)
	ch.recent[0] = recent{}
	if ch.recent = ch.recent[1:]; len(ch.recent) == 0 {
		ch.recent = nil
	}
}

// page is what follows after.
func (ch *channel) page(after protocol.Cursor, limit int) store.Page {
	from, gap := ch.locate(after)
	ms := ch.kept[from:]
	ms = ms[:min(limit, len(ms))]
	if len(ms) == 0 {
		return store.Page{Gap: gap, Cursor: newCursor(ch.epoch, ch.last)}
	}
	messages := make([]store.Message, len(ms))
	for i := range ms {
		messages[i] = ms[i].message
	}
	return store.Page{Messages: messages, Gap: gap, Cursor: messages[len(ms)-1].Cursor}
}

// locate gives the index in kept of what follows after, and whether messages
// between the two may be missing.
func (ch *channel) locate(after protocol.Cursor) (from int, gap bool) {
	if after == "" {
		return 0, false
	}
	n, ok := parseCursor(after, ch.epoch)
	oldest := ch.last - uint64(len(ch.kept)) // the number before the oldest kept
	if !ok || n > ch.last || n < oldest {
		return 0, true
	}
	return int(n - oldest), false
}

// epoch is that of a channel made now. Two lives of one channel have an
// eviction between them, and so never one epoch; a place taken before the
// channel was made stays good if there was none. Other channels' cursors are
// told apart by the hash.
func (s *Store) epoch(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return s.boot + "." + strconv.FormatUint(s.evicted, 36) + "." + strconv.FormatUint(uint64(h.Sum32()), 36)
}

// newCursor names the place behind message n.
func newCursor(epoch string, n uint64) protocol.Cursor {
	return protocol.Cursor(epoch + "-" + strconv.FormatUint(n, 36))
}

// parseCursor is the other way; it takes what newCursor gives and nothing else.
func parseCursor(c protocol.Cursor, epoch string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(string(c), epoch)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutPrefix(digits, "-"); !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 36, 64)
	var room [16]byte
	return n, err == nil && digits == string(strconv.AppendUint(room[:0], n, 36))
}
