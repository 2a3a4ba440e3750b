package client

import (
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A topic is the loop's side of a channel that is subscribed to: by a
// Subscription, for Requests that wait for their replies, or for both. All of
// it belongs to the loop.
//
// Over a link there is one subscription for each topic. Frames about an
// earlier one are told by its ref, and dropped.
type topic struct {
	name  string
	ref   protocol.Ref    // of the subscribe on the active link that counts; zero: there is none
	live  bool            // it was answered
	place protocol.Cursor // where the frames are; "": nowhere yet
	told  []func(error)   // wait for it to be live, or refused

	sub *Subscription // nil: none
	// When a subscription with history began, until its first message. Where
	// its link breaks before that, the history is lost.
	young   time.Time
	unheard bool // the history was lost

	waiters map[*waiter]struct{}
	turns   []func() // what waits until no waiter is there, in order

	idle *time.Timer // until the topic, which was needed by waiters, is given up
	rest *time.Timer // until a subscription is asked for again that was refused for a while
}

// topic is that of a name. It is made if there is none.
func (l *loop) topic(name string) *topic {
	t := l.topics[name]
	if t == nil {
		t = &topic{name: name, waiters: make(map[*waiter]struct{})}
		l.topics[name] = t
	}
	return t
}

// attached reports whether t.sub is where the frames are.
func (t *topic) attached() bool { return t.sub != nil && !t.sub.behind.Load() }

func (t *topic) wanted() bool {
	return t.rest == nil && (t.attached() || len(t.waiters) > 0 || t.idle != nil)
}

// move notes where the frames are.
func (t *topic) move(c protocol.Cursor) {
	t.place = c
	if t.attached() {
		t.sub.place = c
	}
}

// subscribe asks the active link for t from its place, if it is wanted.
func (l *loop) subscribe(t *topic) {
	t.live, t.ref = false, protocol.Ref{}
	if l.active == nil || !t.wanted() {
		return
	}
	t.ref = l.newRef()
	f := protocol.ClientFrame{Op: protocol.OpSubscribe, Ref: t.ref, Channel: t.name, Since: t.place}
	if t.sub != nil {
		f.Echo = t.sub.opts.Echo
		if t.place == "" {
			f.Since, f.History = t.sub.opts.Since, t.sub.opts.History
		}
	}
	l.push(f, nil)
}

// unsubscribe gives t back to the gateway. What of it is on its way is dropped.
func (l *loop) unsubscribe(t *topic) {
	if t.ref != (protocol.Ref{}) {
		l.push(protocol.ClientFrame{Op: protocol.OpUnsubscribe, Channel: t.name}, nil)
	}
	t.live, t.ref = false, protocol.Ref{}
}

func (l *loop) subscribeAll() {
	for _, t := range l.topics {
		l.subscribe(t)
	}
}

// breakOff notes that the active link is no more.
func (l *loop) breakOff() {
	for _, t := range l.topics {
		t.live, t.ref = false, protocol.Ref{}
		t.unheard = t.unheard || !t.young.IsZero() && time.Since(t.young) < historyWithin
		t.young = time.Time{}
	}
}

func (l *loop) topicFrame(t *topic, f *protocol.ServerFrame) {
	if f.Op == protocol.OpSubscribed {
		if t.ref != (protocol.Ref{}) && f.Ref == t.ref {
			l.begun(t, f)
		}
		return
	}
	if !t.live {
		return
	}
	switch f.Op {
	case protocol.OpMessage:
		l.message(t, f)
	case protocol.OpGap:
		l.gap(t, f)
	case protocol.OpJoin:
		t.tell(Join{t.name, f.ClientID})
	case protocol.OpLeave:
		t.tell(Leave{t.name, f.ClientID})
	case protocol.OpPresence:
		t.tell(presenceOf(f))
	}
}

// begun takes over that the gateway has t's subscription. Long-poll tells it
// again and again.
func (l *loop) begun(t *topic, f *protocol.ServerFrame) {
	lost := t.unheard || f.Recovered != nil && !*f.Recovered
	if !t.live && t.place == "" && t.sub != nil && t.sub.opts.History > 0 {
		t.young = time.Now()
	}
	t.live, t.unheard = true, false
	if lost {
		l.gap(t, f)
	} else {
		t.move(f.Cursor)
	}
	t.answer(nil)
}

// answer tells those who wait for t.
func (t *topic) answer(err error) {
	told := t.told
	t.told = nil
	for _, f := range told {
		f(err)
	}
}

func (l *loop) message(t *topic, f *protocol.ServerFrame) {
	t.young = time.Time{}
	m := messageOf(f)
	if f.From != "" && f.From == l.id && (t.sub == nil || !t.sub.opts.Echo) {
		t.move(f.Cursor)
		return
	}
	for w := range t.waiters {
		if w.id != "" && w.id == m.ReplyTo {
			w.take(m)
		}
	}
	if t.attached() && !t.sub.take(m) {
		l.fallBehind(t, f.Cursor)
		return
	}
	t.move(f.Cursor)
}

// gap tells all of t that messages may be missing.
func (l *loop) gap(t *topic, f *protocol.ServerFrame) {
	gap := &GapError{Channel: t.name, Cursor: f.Cursor}
	l.opts.Logger.Info("messages may be missing", "channel", t.name, "reason", f.Reason)
	for w := range t.waiters {
		w.gap = gap
	}
	if t.attached() && !t.sub.put(item{gap: gap}) {
		l.fallBehind(t, f.Cursor)
		return
	}
	t.move(f.Cursor)
}

// tell puts what is told of presence into the subscription's buffer. It does
// without where there is no room.
func (t *topic) tell(e Event) {
	if t.attached() {
		t.sub.put(item{event: e})
	}
}

// fallBehind leaves t.sub where it is, since its buffer is full. The gateway
// has the channel's messages; who waits for replies goes on at c.
func (l *loop) fallBehind(t *topic, c protocol.Cursor) {
	s := t.sub
	s.behind.Store(true)
	t.place = c
	if !t.wanted() {
		l.unsubscribe(t)
	}
	l.catchUp(s) // the reader may have been quicker
}

// catchUp takes t.sub up where it was left, once there is room.
func (l *loop) catchUp(s *Subscription) {
	t := l.topics[s.channel]
	if t == nil || t.sub != s || !s.behind.Load() || !s.roomy() {
		return
	}
	s.behind.Store(false)
	l.unsubscribe(t)
	t.place = s.place
	l.subscribe(t)
}

// subscribeFailed takes over an error that answers a subscribe. It reports false
// if f is none.
func (l *loop) subscribeFailed(f *protocol.ServerFrame) bool {
	for _, t := range l.topics {
		if t.ref != (protocol.Ref{}) && t.ref == f.Ref {
			l.refused(t, f.Err(), mayPass(f.Code))
			return true
		}
	}
	return false
}

// refused takes over that the gateway does not give t. Who asked just now is
// told; for the others it is asked again later, or they end.
func (l *loop) refused(t *topic, err error, mayPass bool) {
	t.live, t.ref = false, protocol.Ref{}
	if s := t.sub; s != nil && s.place == "" || !mayPass {
		l.detach(t, err)
	}
	t.answer(err)
	if t.sub == nil && len(t.waiters) == 0 {
		l.dropTopic(t)
		return
	}
	if !mayPass {
		for w := range t.waiters {
			w.fail(err)
		}
		return
	}
	l.opts.Logger.Info("subscription refused for now", "channel", t.name, "error", err.Error())
	t.rest = l.after(l.opts.Backoff.pause(l.random, passing), func() {
		t.rest = nil
		if l.topics[t.name] == t && t.ref == (protocol.Ref{}) {
			l.subscribe(t)
		}
	})
}

// detach ends t's Subscription, if there is one, with err.
func (l *loop) detach(t *topic, err error) {
	if t.sub != nil {
		t.sub.end(err)
	}
	t.sub, t.young, t.unheard = nil, time.Time{}, false
}

// dropTopic gives t up.
func (l *loop) dropTopic(t *topic) {
	l.unsubscribe(t)
	t.stopTimers()
	delete(l.topics, t.name)
}

func (t *topic) stopTimers() {
	for _, timer := range []*time.Timer{t.idle, t.rest} {
		if timer != nil {
			timer.Stop()
		}
	}
	t.idle, t.rest = nil, nil
}

// endTopics is the end of all topics.
func (l *loop) endTopics() {
	for _, t := range l.topics {
		l.detach(t, l.err)
		t.answer(l.err)
		for w := range t.waiters {
			w.fail(l.err)
		}
		t.stopTimers()
		for _, turn := range t.turns {
			turn() // finds that there is nothing left
		}
	}
	clear(l.topics)
}
