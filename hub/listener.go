package hub

import (
	"context"
	"errors"

	"github.com/commchannel/gateway/protocol"
)

// ErrLagged says that what a Listener would have to give next is not in the
// channel's log any more. Listen again, with the last cursor.
var ErrLagged = errors.New("hub: listener fell off the log")

// ListenOptions tell where a Listener begins and what it gives.
type ListenOptions struct {
	Since   protocol.Cursor // everything after this place, or
	History int             // the newest so many messages first; neither: from now on

	ClientID string // messages from this client are left out,
	Echo     bool   // unless Echo is set

	// Presence asks for Events. Where presence is kept, ClientID is there as
	// long as the Listener is, and lingers a while.
	Presence bool

	// Wake is called whenever Next or Events may have something: from any
	// goroutine and under locks of the hub, so it must neither wait nor call
	// the hub. One Wake may serve many Listeners. nil: nobody is told.
	Wake func()
}

// A Listener is a place in a channel for those who fetch instead of being
// written to. Its methods are for one goroutine.
type Listener struct {
	// static
	ch        *channel
	opts      ListenOptions
	cursor    protocol.Cursor
	recovered *bool

	// owned by the caller's goroutine
	at      place
	last    protocol.Cursor
	backlog []listed

	// guarded by ch.mu
	index      int   // in ch.listeners; closed: it is not there
	told       int64 // its place in the news of ch.room
	events     [][]byte
	eventBytes int // of them, and of what was dropped
}

// A listed is a frame from before the log.
type listed struct {
	text   []byte
	cursor protocol.Cursor
}

// Listen begins to listen to a channel. It wants Close. The errors are the
// store's.
func (h *Hub) Listen(ctx context.Context, channel string, o ListenOptions) (*Listener, error) {
	ch, err := h.acquire(ctx, channel)
	if err != nil {
		return nil, err
	}
	l := &Listener{ch: ch, opts: o}
	if err := ch.join(ctx, wish{since: o.Since, history: o.History}, l.enter); err != nil {
		h.release(ch)
		return nil, err
	}
	return l, nil
}

// enter wants ch.mu.
func (l *Listener) enter(st start) error {
	l.cursor, l.recovered, l.at = st.cursor, st.recovered, st.at
	l.last = st.cursor
	for i := range st.backlog {
		f := l.ch.frame(&st.backlog[i])
		entry := listed{cursor: f.Cursor}
		if !l.own(f.From) {
			entry.text = f.Append(nil)
		}
		l.backlog = append(l.backlog, entry)
	}
	l.enlist()
	return nil
}

// enlist wants ch.mu.
func (l *Listener) enlist() {
	l.index = len(l.ch.listeners)
	l.ch.listeners = append(l.ch.listeners, l)
	if l.ch.room != nil {
		l.ch.room.arrive(l.opts.ClientID, &l.told)
	}
	if len(l.backlog) > 0 || l.at.off < l.ch.log.head().off {
		l.wakeUp()
	}
}

func (l *Listener) own(from string) bool {
	return from != "" && from == l.opts.ClientID && !l.opts.Echo
}

// Start tells the place from which l gives messages, and whether everything
// after the place asked for follows; recovered is true where none was.
func (l *Listener) Start() (cursor protocol.Cursor, recovered bool) {
	return l.cursor, l.recovered == nil || *l.recovered
}

// Next appends the frames that are there to dst, as JSON that must not be
// changed, until they have more than most bytes, and returns the place behind
// them. The place moves over left-out messages, too. It does not wait. Its
// error is ErrLagged.
func (l *Listener) Next(dst [][]byte, most int) ([][]byte, protocol.Cursor, error) {
	for len(l.backlog) > 0 && most > 0 {
		next := l.backlog[0]
		l.backlog = l.backlog[1:]
		l.last = next.cursor
		if next.text != nil {
			dst = append(dst, next.text)
			most -= len(next.text)
		}
	}
	if len(l.backlog) > 0 {
		l.wakeUp()
		return dst, l.last, nil
	}
	l.ch.mu.Lock()
	defer l.ch.mu.Unlock()
	if l.at.off < l.ch.log.oldest().off {
		return dst, l.last, ErrLagged
	}
	for _, e := range l.ch.log.after(l.at) {
		if most <= 0 {
			l.wakeUp()
			break
		}
		frame, after := l.at.next(e.end)
		l.at = after
		if e.cursor != "" {
			l.last = e.cursor
		}
		if !l.own(e.from) {
			text := frame[e.text-e.start:]
			dst = append(dst, text)
			most -= len(text)
		}
	}
	return dst, l.last, nil
}

func (l *Listener) wakeUp() {
	if l.opts.Wake != nil {
		l.opts.Wake()
	}
}

const (
	closed  = -1 // in no list
	nowhere = -1 // in no log
)

// Close ends l, unless Resume begins it again. It may be called twice.
func (l *Listener) Close() {
	if l.leave() {
		l.ch.hub.release(l.ch)
	}
}

// leave reports false where l is closed already.
func (l *Listener) leave() bool {
	l.ch.mu.Lock()
	defer l.ch.mu.Unlock()
	if l.index == closed {
		return false
	}
	list := l.ch.listeners
	last := len(list) - 1
	list[l.index], list[last].index = list[last], l.index
	list[last] = nil
	l.ch.listeners, l.index = list[:last], closed
	l.at.seg = nil // it would hold all that comes
	if len(l.backlog) > 0 {
		l.at.off = nowhere
	}
	l.backlog, l.events, l.eventBytes = nil, nil, 0
	if l.ch.room != nil {
		l.ch.room.depart(l.opts.ClientID, true)
	}
	return true
}

// Resume listens again after Close, as a Listen would that has for Since the
// place that Next told last, but without looking for it. Where the log does not
// have it at hand it reports false, and l stays closed.
func (l *Listener) Resume() bool {
	if !l.ch.hub.reacquire(l.ch) {
		return false
	}
	there := l.rejoin()
	if !there {
		l.ch.hub.release(l.ch)
	}
	return there
}

// rejoin reports false where the log does not have l's place any more.
func (l *Listener) rejoin() bool {
	l.ch.mu.Lock()
	defer l.ch.mu.Unlock()
	if l.at.off < l.ch.log.oldest().off {
		return false
	}
	l.cursor, l.recovered, l.at = l.last, nil, l.ch.log.placeAt(l.at.off)
	l.enlist()
	return true
}
