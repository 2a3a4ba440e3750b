package longpoll

import (
	"slices"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// Clients who follow the same channels mostly are at the same place, and are
// told the same: from the second one on, by an answer that is made once.

// A common is the answer before, if others may be the same.
type common struct {
	told   []told
	shared *transport.Shared // nil: it was given once
}

// A told is what a client is told of one channel.
type told struct {
	ref                       protocol.Ref
	channel                   string
	cursor                    protocol.Cursor
	resumed, recovered, moved bool
	frames                    [][]byte // the hub's memory, which is not used again while it is here
}

// mostCommon is how many channels an answer has that is looked at.
const mostCommon = 16

// of returns x's answer, if it is the same as the one before. nil: it has to be
// made.
func (c *common) of(x *exchange) *transport.Shared {
	if !x.ordinary() {
		return nil
	}
	if !slices.EqualFunc(c.told, x.subs, told.is) {
		c.keep(x.subs)
		return nil
	}
	if c.shared == nil {
		c.shared = &transport.Shared{ContentType: answerType, Body: x.answer(nil)}
	}
	return c.shared
}

// ordinary reports whether x's answer has nothing for x's client alone.
func (x *exchange) ordinary() bool {
	if x.prompt || x.welcome || x.draining || len(x.replies) > 0 || len(x.subs) > mostCommon {
		return false
	}
	return !slices.ContainsFunc(x.subs, func(s *subscription) bool {
		return len(s.events) > 0 || len(s.frames) > mostFrames
	})
}

// is reports whether s has the same to tell. Frames are the same if they are in
// the same place.
func (t told) is(s *subscription) bool {
	return t.ref == s.ref && t.channel == s.channel && t.cursor == s.cursor &&
		t.resumed == s.resumed && t.recovered == s.recovered && t.moved == s.moved &&
		slices.EqualFunc(t.frames, s.frames, func(a, b []byte) bool {
			return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
		})
}

// keep keeps what subs have to tell, for the next one.
func (c *common) keep(subs []*subscription) {
	c.shared = nil
	all := c.told[:cap(c.told)]
	c.told = c.told[:0]
	for i, s := range subs {
		t := told{ref: s.ref, channel: s.channel, cursor: s.cursor, resumed: s.resumed, recovered: s.recovered, moved: s.moved}
		if i < len(all) {
			t.frames = all[i].frames
			clear(t.frames)
		}
		t.frames = append(t.frames[:0], s.frames...)
		c.told = append(c.told, t)
	}
	if len(subs) < len(all) {
		clear(all[len(subs):])
	}
}
