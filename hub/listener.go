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
	l.ch.listeners[l] = struct{}{}
	if l.ch.room != nil {
		l.ch.room.arrive(l.opts.ClientID, &l.told)
	}
	if len(l.backlog) > 0 || l.at.off < l.ch.log.head().off {
		l.wakeUp()
	}
	return nil
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

// Close ends l.
func (l *Listener) Close() {
	l.ch.mu.Lock()
	delete(l.ch.listeners, l)
	if l.ch.room != nil {
		l.ch.room.depart(l.opts.ClientID, true)
	}
	l.ch.mu.Unlock()
	l.ch.hub.release(l.ch)
}
