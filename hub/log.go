package hub

import (
	"sort"
	"sync/atomic"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// Sizes of a log's segments, in bytes. The first is small for the many
// channels that say little.
const (
	firstSegment = 4 << 10
	fullSegment  = 64 << 10
)

// A segment is a run of a log's bytes. What is below end never changes; what
// follows in time goes behind end, or into next once this one is full.
type segment struct {
	base int64  // the log's offset of buf[0]
	buf  []byte // of fixed length
	end  atomic.Int64
	next atomic.Pointer[segment]
}

func newSegment(base int64, size int) *segment {
	s := &segment{base: base, buf: make([]byte, size)}
	s.end.Store(base)
	return s
}

// A place is where a reader stands in a log: seg holds off, or off is seg's end.
type place struct {
	seg *segment
	off int64 // counted from the log's beginning
}

// next is the longest run of bytes from p to limit in one segment, and p
// behind it. Both its ends are boundaries of frames if p and limit are.
func (p place) next(limit int64) ([]byte, place) {
	for {
		end := min(p.seg.end.Load(), limit)
		if p.off < end {
			return p.seg.buf[p.off-p.seg.base : end-p.seg.base], place{p.seg, end}
		}
		following := p.seg.next.Load()
		if following == nil || p.off >= limit {
			return nil, p
		}
		// A segment that has a next one is full: its end is final now.
		if p.off == p.seg.end.Load() {
			p.seg = following
		}
	}
}

// An entry tells of one frame in a log.
type entry struct {
	cursor protocol.Cursor // empty for a gap in front of a message
	from   string          // empty where nobody is named
	start  int64           // of the frame
	text   int64           // of the frame's JSON, behind the header
	end    int64
	at     time.Time
}

// bounds of a log.
type bounds struct {
	bytes int64
	count int
	age   time.Duration
}

// A log holds a channel's latest frames. Its methods want the channel's
// mutex; the segments' bytes below a place once seen may be read without.
type log struct {
	bounds  bounds
	floor   protocol.Cursor // the place in front of entries[0]
	entries []entry
	dropped int // entries[:dropped] are trimmed and wait to be moved over
	first   *segment
	last    *segment
}

func newLog(b bounds, floor protocol.Cursor) log {
	s := newSegment(0, firstSegment)
	return log{bounds: b, floor: floor, first: s, last: s}
}

// head is the place behind the newest frame.
func (l *log) head() place { return place{l.last, l.last.end.Load()} }

// kept are the entries not trimmed.
func (l *log) kept() []entry { return l.entries[l.dropped:] }

// append adds a frame whose last textLen bytes are its JSON.
func (l *log) append(frame []byte, textLen int, e entry) {
	s := l.last
	end := s.end.Load()
	if int(end-s.base)+len(frame) > len(s.buf) {
		size := min(4*len(s.buf), fullSegment)
		s.next.Store(newSegment(end, max(size, len(frame))))
		s = s.next.Load()
		l.last = s
	}
	copy(s.buf[end-s.base:], frame)
	e.start, e.end = end, end+int64(len(frame))
	e.text = e.end - int64(textLen)
	s.end.Store(e.end)
	l.makeRoom()
	l.entries = append(l.entries, e)
	l.trim(e.at)
}

// newestSpan is where the newest frame is; there must be one.
func (l *log) newestSpan() span {
	e := &l.entries[len(l.entries)-1]
	return span{e.start, e.end}
}

// makeRoom moves the entries down rather than letting their array grow for
// ever.
func (l *log) makeRoom() {
	if len(l.entries) < cap(l.entries) || l.dropped < len(l.entries)/2 {
		return
	}
	n := copy(l.entries, l.kept())
	clear(l.entries[n:])
	l.entries, l.dropped = l.entries[:n], 0
}

// trim drops what is beyond the bounds. The newest frame always stays, unless
// it is too old.
func (l *log) trim(now time.Time) {
	head := l.last.end.Load()
	for kept := l.kept(); len(kept) > 0; kept = l.kept() {
		e := &kept[0]
		tooMany := len(kept) > 1 && (len(kept) > l.bounds.count || head-e.start > l.bounds.bytes)
		if !tooMany && now.Sub(e.at) <= l.bounds.age {
			break
		}
		if e.cursor != "" {
			l.floor = e.cursor
		}
		*e = entry{}
		l.dropped++
	}
	from := head
	if kept := l.kept(); len(kept) > 0 {
		from = kept[0].start
	}
	for l.first != l.last && l.first.end.Load() <= from {
		l.first = l.first.next.Load()
	}
}

// oldest is the place in front of the oldest frame kept.
func (l *log) oldest() place {
	if kept := l.kept(); len(kept) > 0 {
		return l.placeAt(kept[0].start)
	}
	return l.head()
}

func (l *log) placeAt(off int64) place {
	s := l.first
	for s != l.last && s.end.Load() <= off {
		s = s.next.Load()
	}
	return place{s, off}
}

// find is the place behind the message at c.
func (l *log) find(c protocol.Cursor) (place, bool) {
	kept := l.kept()
	for i := len(kept) - 1; i >= 0; i-- {
		if kept[i].cursor == c {
			return l.placeAt(kept[i].end), true
		}
	}
	if c == l.floor {
		return l.oldest(), true
	}
	return place{}, false
}

// newest is the place in front of the newest n frames.
func (l *log) newest(n int) (place, bool) {
	kept := l.kept()
	if n > len(kept) {
		return place{}, false
	}
	if n == 0 {
		return l.head(), true
	}
	return l.placeAt(kept[len(kept)-n].start), true
}

// after are the entries behind p, oldest first.
func (l *log) after(p place) []entry {
	kept := l.kept()
	return kept[sort.Search(len(kept), func(i int) bool { return kept[i].start >= p.off }):]
}
