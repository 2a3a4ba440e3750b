package client

import (
	"context"
	"fmt"

	"github.com/commchannel/gateway/protocol"
)

// addSubscription takes over s. told is called, once, with how it went.
func (l *loop) addSubscription(s *Subscription, told func(error)) {
	t := l.topic(s.channel)
	fromNow := s.opts.Since == "" && s.opts.History == 0
	switch {
	case l.err != nil:
		told(l.err)
		return
	case t.sub != nil:
		told(ErrSubscribed)
		return
	case s.hasEnded():
		l.mayDrop(t)
		return
	case len(t.waiters) > 0 && !fromNow:
		// To begin elsewhere might leave out a reply.
		t.turns = append(t.turns, func() { l.addSubscription(s, told) })
		return
	case !t.live && len(t.waiters) == 0 || !fromNow:
		l.unsubscribe(t)
		t.place = ""
	}
	if t.idle != nil {
		t.idle.Stop()
		t.idle = nil
	}
	t.sub = s
	if t.live && !s.opts.Echo {
		s.place = t.place
		told(nil)
		return
	}
	t.told = append(t.told, told)
	l.unsubscribe(t)
	l.subscribe(t)
}

// removeSubscription takes s back.
func (l *loop) removeSubscription(s *Subscription) {
	s.end(errUnsubscribed)
	if t := l.topics[s.channel]; t != nil && t.sub == s {
		l.detach(t, errUnsubscribed)
		l.mayDrop(t)
	}
}

// mayDrop gives t up if nobody needs it.
func (l *loop) mayDrop(t *topic) {
	if t.sub == nil && len(t.waiters) == 0 && t.idle == nil {
		l.dropTopic(t)
	}
}

// A waiter is a Request on its way.
type waiter struct {
	topic  string
	reply  chan reply // takes one
	living chan error // takes one: the topic is subscribed to, or can't be

	// owned by the loop
	id   string    // of the message that was sent; "": none yet
	gap  *GapError // told since
	gone bool      // it does not wait any more
}

// A reply is what a waiter waits for.
type reply struct {
	message *Message
	err     error
}

func newWaiter(topic string) *waiter {
	return &waiter{topic: topic, reply: make(chan reply, 1), living: make(chan error, 1)}
}

// take is for the first reply; others are the channel's.
func (w *waiter) take(m *Message) {
	select {
	case w.reply <- reply{message: m}:
	default:
	}
}

func (w *waiter) fail(err error) {
	select {
	case w.reply <- reply{err: err}:
	default:
	}
}

// addWaiter sees to it that w's topic is subscribed to for as long as w waits.
func (l *loop) addWaiter(w *waiter) {
	t := l.topic(w.topic)
	switch {
	case l.err != nil:
		w.living <- l.err
		return
	case w.gone:
		return
	case len(t.turns) > 0:
		t.turns = append(t.turns, func() { l.addWaiter(w) })
		return
	}
	t.waiters[w] = struct{}{}
	if t.idle != nil {
		t.idle.Stop()
		t.idle = nil
	}
	if t.live {
		w.living <- nil
		return
	}
	t.told = append(t.told, func(err error) { w.living <- err })
	if t.ref == (protocol.Ref{}) {
		l.subscribe(t)
	}
}

// removeWaiter takes w back. Where it was the last one, others have their turn,
// or the topic is kept for a while.
func (l *loop) removeWaiter(w *waiter) {
	w.gone = true
	t := l.topics[w.topic]
	if t == nil {
		return
	}
	delete(t.waiters, w)
	if len(t.waiters) > 0 {
		return
	}
	turns := t.turns
	t.turns = nil
	for _, turn := range turns {
		turn()
	}
	switch {
	case l.topics[w.topic] != t || len(t.waiters) > 0:
	case t.sub != nil && !t.wanted():
		l.unsubscribe(t)
	case t.sub == nil && t.idle == nil:
		t.idle = l.after(linger, func() {
			t.idle = nil
			if l.topics[t.name] == t {
				l.mayDrop(t)
			}
		})
	}
}

// request sends f and waits for the reply to it.
func (l *loop) request(ctx context.Context, f protocol.ClientFrame) (*Message, error) {
	w := newWaiter(f.Channel)
	if !l.do(func() { l.addWaiter(w) }) {
		return nil, l.err
	}
	defer l.do(func() { l.removeWaiter(w) })
	select {
	case err := <-w.living:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	e := newEntry(f)
	if !l.do(func() { w.id = f.ID; l.post(e) }) {
		return nil, l.err
	}
	return l.await(ctx, w, e)
}

// await waits for w's reply. What becomes of the message itself counts only if
// it has failed.
func (l *loop) await(ctx context.Context, w *waiter, e *entry) (*Message, error) {
	sent := e.answer
	for {
		select {
		case r := <-w.reply:
			l.giveUp(e, nil)
			return r.message, r.err
		case a := <-sent:
			if sent = nil; a.err != nil {
				return nil, a.err
			}
		case <-ctx.Done():
			if sent != nil {
				return nil, l.late(w, l.giveUp(e, ctx.Err()).err)
			}
			return nil, l.late(w, fmt.Errorf("client: no reply: %w", ctx.Err()))
		}
	}
}

// late is err for a request whose time is over.
func (l *loop) late(w *waiter, err error) error {
	var gap *GapError
	l.do(func() { gap = w.gap })
	if gap != nil { // the reply may be among what is missing
		return fmt.Errorf("%w: %w", err, gap)
	}
	return err
}
