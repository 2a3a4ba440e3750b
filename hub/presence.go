package hub

import "github.com/commchannel/gateway/protocol"

// ErrPresenceOff answers a "presence" about a channel of which none is kept.
var ErrPresenceOff error = &protocol.Error{
	Code: protocol.CodeForbidden, Message: "presence is not enabled for this channel on this gateway",
}

// KeepsPresence reports whether it is told who is in a channel of that name.
func (h *Hub) KeepsPresence(channel string) bool {
	return h.cfg.Presence != nil && h.cfg.Presence(channel)
}

// Presence answers a "presence" of somebody who is not subscribed to channel.
// It neither needs the store nor keeps the channel in use. Its error is
// ErrPresenceOff.
func (h *Hub) Presence(channel string, ref protocol.Ref) (*protocol.ServerFrame, error) {
	if !h.KeepsPresence(channel) {
		return nil, ErrPresenceOff
	}
	c := h.find(channel)
	if c == nil {
		return &protocol.ServerFrame{Op: protocol.OpPresence, Ref: ref, Channel: channel}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room.presence(ref), nil
}

// Leave ends the presence of a client that has said that it goes, and would
// otherwise linger. One that still has a connection stays.
func (h *Hub) Leave(channel, clientID string) {
	c := h.find(channel)
	if c == nil || c.room == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room.dismiss(clientID)
}

// Presence answers f, a "presence". To a subscription's connection it first
// writes what it has to be told before that, so that every "join" and "leave"
// behind the answer is a change to it. Its error is ErrPresenceOff.
func (c *Conn) Presence(f *protocol.ClientFrame) error {
	s := c.subscription(f.Channel)
	if s == nil || s.ch.room == nil {
		answer, err := c.hub.Presence(f.Channel, f.Ref)
		if err == nil {
			c.Send(answer)
		}
		return err
	}
	s.ch.mu.Lock()
	defer s.ch.mu.Unlock()
	s.ch.room.tellSubscriber(s)
	c.Send(s.ch.room.presence(f.Ref))
	return nil
}

// Presence answers a "presence" about l's channel. Events gives what changes
// after it. Its error is ErrPresenceOff.
func (l *Listener) Presence(ref protocol.Ref) (*protocol.ServerFrame, error) {
	r := l.ch.room
	if r == nil {
		return nil, ErrPresenceOff
	}
	l.ch.mu.Lock()
	defer l.ch.mu.Unlock()
	l.told, l.events, l.eventBytes = r.end(), nil, 0
	return r.presence(ref), nil
}

// Events appends the frames to dst that tell who has come and gone, as JSON
// that must not be changed. It does not wait. ListenOptions.Presence asks for
// them.
func (l *Listener) Events(dst [][]byte) [][]byte {
	if l.ch.room == nil {
		return dst
	}
	l.ch.mu.Lock()
	defer l.ch.mu.Unlock()
	dst = append(dst, l.events...)
	l.events, l.eventBytes = nil, 0
	return dst
}

// hear takes an event for Events. Of what nobody fetches the rest is dropped:
// who fetches knows that some may be missing. It wants ch.mu.
func (l *Listener) hear(event []byte) {
	if l.eventBytes += len(event); l.eventBytes <= pendingBound {
		l.events = append(l.events, event)
	}
}
