package longpoll

import (
	"bytes"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// A client that has nothing to say repeats itself: the same channels, each from
// the place where its last exchange ended. On a connection that stays, such a
// request is known before it is read.

// A pattern is a body without its cursors.
type pattern struct {
	text    []byte
	cursors []int // where in text they belong
}

// Bounds of what is kept for the next request of a connection.
const (
	mostPattern = 4 << 10 // bytes of a pattern
	mostFrames  = 64      // of an answer
)

// newPattern makes the pattern of a body from what was read in it. It has no
// cursors where that can't be had.
func newPattern(body []byte, frames []protocol.ClientFrame) pattern {
	if len(body) > mostPattern {
		return pattern{}
	}
	p := pattern{text: make([]byte, 0, len(body))}
	for i := range frames {
		since := frames[i].Since
		if since == "" {
			continue
		}
		before, after, found := bytes.Cut(body, protocol.AppendString(nil, string(since)))
		if !found {
			return pattern{}
		}
		p.text = append(append(p.text, before...), '"')
		p.cursors = append(p.cursors, len(p.text))
		p.text = append(p.text, '"')
		body = after
	}
	p.text = append(p.text, body...)
	if !p.means(frames) {
		return pattern{}
	}
	return p
}

// means reports whether p's cursors are those of frames, and all else is the
// same: a body may have one's text elsewhere, too.
func (p pattern) means(frames []protocol.ClientFrame) bool {
	want := slices.Clone(frames)
	var body []byte
	from, next := 0, 0
	for i := range want {
		if want[i].Since == "" {
			continue
		}
		want[i].Since = protocol.Cursor("elsewhere-" + strconv.Itoa(i))
		at := p.cursors[next]
		body = append(append(body, p.text[from:at]...), want[i].Since...)
		from, next = at, next+1
	}
	got, _, err := protocol.DecodeClientBatch(append(body, p.text[from:]...), len(frames))
	return err == nil && reflect.DeepEqual(got, want)
}

// matches reports whether body asks for subs from where they have ended.
func (p pattern) matches(body []byte, subs []*subscription) bool {
	if len(p.cursors) == 0 || len(p.cursors) != len(subs) {
		return false
	}
	from := 0
	for i, at := range p.cursors {
		rest, ok := bytes.CutPrefix(body, p.text[from:at])
		cursor := subs[i].reached
		if !ok || cursor == "" || len(rest) < len(cursor) || string(rest[:len(cursor)]) != string(cursor) {
			return false
		}
		body, from = rest[len(cursor):], at
	}
	return bytes.Equal(body, p.text[from:])
}

// ServeHTTP serves the request that comes after x's on the same connection, with
// the same head. Where the body is known, too, so is all that depends on either:
// who it is, and what they may read.
func (x *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !x.Try(w, r) {
		x.h.serve(w, r, true)
	}
}

var _ transport.Trier = (*exchange)(nil)

// Try is ServeHTTP for a body that is known.
func (x *exchange) Try(w http.ResponseWriter, r *http.Request) bool {
	body, ahead := r.Body.(transport.ReadAhead)
	holder, holds := w.(transport.Holder)
	if !ahead || !holds || !x.asked.matches(body.Bytes(), x.subs) || !x.resume() {
		return false
	}
	holder.Hold(x, x.h.cfg.Limits.Held())
	return true
}

// rest ends x, unless resume begins it again.
func (x *exchange) rest() {
	x.close()
	for _, s := range x.subs {
		if len(s.frames) > 0 && s.reached == s.cursor {
			s.reached = "" // who asks from there has not seen these
		}
		s.frames, s.events, s.moved = emptied(s.frames), emptied(s.events), false
	}
}

// emptied is frames to be used again.
func emptied(frames [][]byte) [][]byte {
	if cap(frames) > mostFrames {
		return nil
	}
	clear(frames)
	return frames[:0]
}

// resume begins x again, from where it has ended.
func (x *exchange) resume() bool {
	for i, s := range x.subs {
		if !s.listener.Resume() {
			for _, before := range x.subs[:i] {
				before.listener.Close()
			}
			return false
		}
		s.cursor, s.recovered = s.listener.Start()
	}
	return true
}
