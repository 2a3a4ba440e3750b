package hub

import (
	"context"
	"fmt"

	"github.com/commchannel/gateway/protocol"
)

// A span is a range of a log's offsets.
type span struct{ start, end int64 }

// senders tells who sent the messages that a sweep is about to show.
type senders struct {
	names map[string]struct{}
	spans []sentSpan
}

type sentSpan struct {
	from          string
	inLog, inTwin span
}

func (s *senders) reset() {
	clear(s.names)
	s.spans = s.spans[:0]
}

func (s *senders) add(from string, inLog, inTwin span) {
	if from == "" {
		return
	}
	if s.names == nil {
		s.names = make(map[string]struct{})
	}
	s.names[from] = struct{}{}
	s.spans = append(s.spans, sentSpan{from, inLog, inTwin})
}

// A subscriber is a connection's place in a channel.
type subscriber struct {
	// static
	conn  *Conn
	ch    *channel
	echo  bool
	packs bool // its place is one in ch.twin

	// guarded by ch.mu
	index int   // in ch.subs
	told  int64 // its place in the news of ch.room

	// guarded by conn.mu
	at    place
	limit int64  // what the sweep has let it see
	skip  []span // one's own messages below limit, which are left out
	ended bool
}

// next is the next run of bytes for s, and the place behind it. It wants
// conn.mu.
func (s *subscriber) next() ([]byte, place) {
	for len(s.skip) > 0 && s.at.off == s.skip[0].start {
		s.jump(s.skip[0].end)
		s.skip = s.skip[1:]
	}
	limit := s.limit
	if len(s.skip) > 0 {
		limit = s.skip[0].start
	} else {
		s.skip = nil
	}
	return s.at.next(limit)
}

func (s *subscriber) jump(off int64) {
	for s.at.off < off {
		_, s.at = s.at.next(off)
	}
}

// advance lets s see up to the head, and flushes it, or cuts its connection
// off where it is too far behind.
func (s *subscriber) advance(heads heads, seen *senders) {
	c, head := s.conn, heads.log
	if s.packs {
		head = heads.twin
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ended {
		return
	}
	s.limit = head
	if _, own := seen.names[c.clientID]; own && !s.echo {
		for i := range seen.spans {
			switch sent := &seen.spans[i]; {
			case sent.from != c.clientID:
			case s.packs:
				s.skip = append(s.skip, sent.inTwin)
			default:
				s.skip = append(s.skip, sent.inLog)
			}
		}
	}
	if c.flush(s); head-s.at.off > int64(c.hub.cfg.Lag) {
		c.end(protocol.CloseTooSlow, fmt.Sprintf("more than %d bytes behind", c.hub.cfg.Lag))
	}
}

// leave takes s out of its channel. Its client lingers there if that was not
// its will. It wants neither mutex held.
func (s *subscriber) leave(lingers bool) {
	c := s.ch
	c.mu.Lock()
	last := len(c.subs) - 1
	c.subs[s.index] = c.subs[last]
	c.subs[s.index].index = s.index
	c.subs[last] = nil
	c.subs = c.subs[:last]
	if s.packs {
		c.twin.leave()
	}
	if c.room != nil {
		c.room.depart(s.conn.clientID, lingers)
	}
	c.mu.Unlock()
	c.hub.release(c)
}

// Subscribe subscribes as f says, writes "subscribed", and then the messages
// that follow the place asked for. The errors are the store's or an
// *protocol.Error.
func (c *Conn) Subscribe(ctx context.Context, f *protocol.ClientFrame) error {
	if c.subscription(f.Channel) != nil {
		return &protocol.Error{Code: protocol.CodeBadFrame, Message: fmt.Sprintf("already subscribed to %q", f.Channel)}
	}
	ch, err := c.hub.acquire(ctx, f.Channel)
	if err != nil {
		return err
	}
	s := &subscriber{conn: c, ch: ch, echo: f.Echo}
	err = ch.join(ctx, wish{since: f.Since, history: f.History}, func(st start) error {
		if err := s.enter(f.Ref, st); err != nil || ch.room == nil {
			return err
		}
		ch.room.arrive(c.clientID, &s.told)
		return nil
	})
	if err != nil {
		c.hub.release(ch)
	}
	return err
}

// enter puts s into its channel at st. It wants ch.mu.
func (s *subscriber) enter(ref protocol.Ref, st start) error {
	c, ch := s.conn, s.ch
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended || c.closing {
		return errEnded
	}
	l, opening := &ch.log, c.opening(ref, ch, st, s.leaves)
	if s.at = st.at; c.packs {
		var before []entry
		s.packs = true
		s.at, before = ch.twin.enter(l, st.at)
		opening = l.copyTo(opening, before, s.leaves)
		l = ch.twin.log
	}
	s.limit = l.head().off
	for _, e := range l.after(s.at) {
		if s.leaves(e.from) {
			s.skip = append(s.skip, span{e.start, e.end})
		}
	}
	s.index = len(ch.subs)
	ch.subs = append(ch.subs, s)
	c.subs = append(c.subs, s)
	c.write(opening)
	c.flush(s)
	return nil
}

// leaves reports whether s leaves out what that client has sent. It wants
// conn.mu.
func (s *subscriber) leaves(from string) bool {
	return !s.echo && from != "" && from == s.conn.clientID
}

// opening is "subscribed" and the messages in front of the log's.
func (c *Conn) opening(ref protocol.Ref, ch *channel, st start, leaves func(string) bool) []byte {
	codec := c.hub.cfg.Codec
	answer := protocol.ServerFrame{
		Op: protocol.OpSubscribed, Ref: ref, Channel: ch.name, Cursor: st.cursor, Recovered: st.recovered,
	}
	text := answer.Append(nil)
	framed := codec.Frame(nil, text)
	for i := range st.backlog {
		f := ch.frame(&st.backlog[i])
		if leaves(f.From) {
			continue
		}
		text = f.Append(text[:0])
		framed = codec.Frame(framed, text)
	}
	return framed
}

// Unsubscribe ends a subscription. No message of it follows the answer that
// the caller then sends.
func (c *Conn) Unsubscribe(channel string) error {
	s := c.subscription(channel)
	if s == nil {
		return &protocol.Error{Code: protocol.CodeNotSubscribed, Message: fmt.Sprintf("not subscribed to %q", channel)}
	}
	c.mu.Lock()
	s.ended = true
	for i := range c.subs {
		if c.subs[i] == s {
			c.subs = append(c.subs[:i], c.subs[i+1:]...)
			break
		}
	}
	c.mu.Unlock()
	s.leave(false)
	return nil
}

func (c *Conn) subscription(channel string) *subscriber {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.subs {
		if s.ch.name == channel {
			return s
		}
	}
	return nil
}

// Subscriptions tells how many channels c is subscribed to.
func (c *Conn) Subscriptions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}
