package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// An entry is a request that is not answered yet. What was under way when its
// link broke goes out again on the next one. A message has the same id then,
// so that the gateway delivers it once.
type entry struct {
	frame  protocol.ClientFrame
	answer chan answer // takes one

	// owned by the loop
	on   *session  // the link it was last given to
	sent time.Time // when it first went out, by the wall clock; zero: it did not
}

// An answer is a frame, or an error.
type answer struct {
	frame protocol.ServerFrame
	err   error
}

func newEntry(f protocol.ClientFrame) *entry {
	return &entry{frame: f, answer: make(chan answer, 1)}
}

// post takes over a request. Its answer comes over e.answer.
func (l *loop) post(e *entry) {
	if len(l.outbox) >= maxOutbox {
		e.answer <- answer{err: ErrQueueFull}
		return
	}
	e.frame.Ref = l.newRef()
	l.outbox = append(l.outbox, e)
	l.flush()
}

// flush gives the active link, in order, what it was not given yet.
func (l *loop) flush() {
	if l.active == nil {
		return
	}
	kept := l.outbox[:0]
	for _, e := range l.outbox {
		if err := l.mayGo(e); err != nil {
			e.answer <- answer{err: err}
			continue
		}
		if kept = append(kept, e); e.on != l.active {
			e.on = l.active
			l.push(e.frame, e)
		}
	}
	clear(l.outbox[len(kept):])
	l.outbox = kept
}

// mayGo tells why e can't be given to a link, be it another one or the first.
func (l *loop) mayGo(e *entry) error {
	switch {
	case e.on == l.active || e.frame.Op != protocol.OpSend:
		return nil
	case !e.sent.IsZero() && wall().Sub(e.sent) >= repeatable:
		return ErrUnconfirmed
	case l.maxMessage > 0 && len(e.frame.Payload) > l.maxMessage:
		return &protocol.Error{
			Code:    protocol.CodeTooLarge,
			Message: fmt.Sprintf("a payload of %d bytes, the most is %d", len(e.frame.Payload), l.maxMessage),
		}
	}
	return nil
}

// settle ends the request that f answers. It reports false if there is none.
func (l *loop) settle(f *protocol.ServerFrame) bool {
	i := slices.IndexFunc(l.outbox, func(e *entry) bool { return e.frame.Ref == f.Ref })
	if i < 0 {
		return false
	}
	l.outbox[i].answer <- answer{*f, f.Err()}
	l.outbox = slices.Delete(l.outbox, i, i+1)
	return true
}

// withdraw takes a request back, and reports whether it has gone out.
func (l *loop) withdraw(e *entry) (sent bool) {
	l.outbox = slices.DeleteFunc(l.outbox, func(other *entry) bool { return other == e })
	if l.active != nil {
		l.active.pending = slices.DeleteFunc(l.active.pending, func(p pending) bool { return p.entry == e })
	}
	return !e.sent.IsZero()
}

// rejectAll is the end of all requests.
func (l *loop) rejectAll() {
	for _, e := range l.outbox {
		e.answer <- answer{err: e.failure(l.err, !e.sent.IsZero())}
	}
	l.outbox = nil
}

// failure is err for a request that is not answered.
func (e *entry) failure(err error, sent bool) error {
	if sent && e.frame.Op == protocol.OpSend && !errors.Is(err, ErrUnconfirmed) {
		return fmt.Errorf("%w: %w", ErrUnconfirmed, err)
	}
	return err
}

// ask posts a request and waits for its answer.
func (l *loop) ask(ctx context.Context, f protocol.ClientFrame) (protocol.ServerFrame, error) {
	if err := ctx.Err(); err != nil {
		return protocol.ServerFrame{}, err
	}
	e := newEntry(f)
	if !l.do(func() { l.post(e) }) {
		return protocol.ServerFrame{}, l.err
	}
	select {
	case a := <-e.answer:
		return a.frame, a.err
	case <-ctx.Done():
	}
	a := l.giveUp(e, ctx.Err())
	return a.frame, a.err
}

// giveUp takes a request back because of err, unless it was answered meanwhile.
func (l *loop) giveUp(e *entry, err error) answer {
	sent := false
	l.do(func() { sent = l.withdraw(e) })
	select {
	case a := <-e.answer:
		return a
	default:
		return answer{err: e.failure(err, sent)}
	}
}
