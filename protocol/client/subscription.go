package client

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/commchannel/gateway/protocol"
)

// errUnsubscribed ends a subscription that was closed.
var errUnsubscribed = errors.New("client: subscription closed")

// A Subscription has the messages of a channel, in their order, each once: by
// Messages or Events, or by Handle and Run. It lasts, over reconnects, until it
// is closed, its Client ends, or the gateway refuses it.
//
// A reader that is slow loses nothing as long as the gateway's store has the
// messages: see SubscribeOptions.Buffer. Its methods may be called from any
// goroutine; where several read, each event goes to one of them.
type Subscription struct {
	// static
	loop    *loop
	channel string
	opts    SubscribeOptions
	buffer  chan item
	ended   chan struct{}

	behind atomic.Bool // the loop waits for room; set by the loop

	// owned by the loop
	place protocol.Cursor // behind what was put in; "": it has not begun
	seen  cursors         // of what was put in

	ending sync.Once
	err    error // for everybody once ended is closed

	mu       sync.Mutex
	handlers []handler
	onJoin   []func(context.Context, Join)
	onLeave  []func(context.Context, Leave)
	onThere  []func(context.Context, Presence)
	onGap    []func(context.Context, *GapError)
}

// An item is an event or a gap.
type item struct {
	event Event
	gap   *GapError
}

func newSubscription(l *loop, channel string, opts SubscribeOptions) *Subscription {
	if opts.Buffer == 0 {
		opts.Buffer = defaultBuffer
	}
	return &Subscription{
		loop: l, channel: channel, opts: opts,
		buffer: make(chan item, opts.Buffer), ended: make(chan struct{}),
	}
}

// Messages iterates over the messages, waiting for each. A *GapError may come
// in the place of a message, and the iteration goes on behind it. Every other
// error is the last thing that comes: ctx's, ErrClosed, a *RefusedError, or the
// *protocol.Error by which the gateway has refused the channel. Close ends the
// iteration without an error.
//
// To leave the loop loses nothing: the next Messages goes on from there.
func (s *Subscription) Messages(ctx context.Context) iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		for e, err := range s.Events(ctx) {
			m, ok := e.(*Message)
			if (ok || err != nil) && !yield(m, err) {
				return
			}
		}
	}
}

// Events is as Messages, with what is told of presence.
func (s *Subscription) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			i, err := s.next(ctx)
			switch {
			case errors.Is(err, errUnsubscribed):
				return
			case err != nil:
				yield(nil, err)
				return
			case i.gap != nil:
				if !yield(nil, i.gap) {
					return
				}
			case !yield(i.event, nil):
				return
			}
		}
	}
}

// Close ends the subscription. What was not read is dropped. The error is
// always nil.
func (s *Subscription) Close() error {
	s.loop.do(func() { s.loop.removeSubscription(s) })
	return nil
}

// next waits for the next item.
func (s *Subscription) next(ctx context.Context) (item, error) {
	if err := ctx.Err(); err != nil {
		return item{}, err
	}
	select {
	case i := <-s.buffer:
		return s.taken(i)
	case <-ctx.Done():
		return item{}, ctx.Err()
	case <-s.ended:
	}
	select { // what came before the end comes before it
	case i := <-s.buffer:
		return s.taken(i)
	default:
		return item{}, s.err
	}
}

// taken tells the loop of room that it waits for.
func (s *Subscription) taken(i item) (item, error) {
	if s.hasEnded() && errors.Is(s.err, errUnsubscribed) {
		return item{}, s.err
	}
	if s.behind.Load() && s.roomy() {
		s.loop.do(func() { s.loop.catchUp(s) })
	}
	return i, nil
}

// roomy reports whether half of the buffer is free.
func (s *Subscription) roomy() bool { return len(s.buffer) <= cap(s.buffer)/2 }

// take puts m in, unless it was there before: after a gap, messages may come
// again. It reports false if there is no room.
func (s *Subscription) take(m *Message) bool {
	if s.seen.has(m.Cursor) {
		return true
	}
	if !s.put(item{event: m}) {
		return false
	}
	s.seen.add(m.Cursor)
	return true
}

// put puts i in, and reports whether there was room.
func (s *Subscription) put(i item) bool {
	select {
	case s.buffer <- i:
		return true
	default:
		return false
	}
}

// end ends the subscription with err.
func (s *Subscription) end(err error) {
	s.ending.Do(func() {
		s.err = err
		close(s.ended)
	})
}

func (s *Subscription) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// cursors are the last ones that were added.
type cursors struct {
	known map[protocol.Cursor]struct{}
	ring  []protocol.Cursor
	next  int
}

func (c *cursors) has(cursor protocol.Cursor) bool {
	_, ok := c.known[cursor]
	return ok
}

func (c *cursors) add(cursor protocol.Cursor) {
	if c.known == nil {
		c.known = make(map[protocol.Cursor]struct{})
	}
	if len(c.ring) < remembered {
		c.ring = append(c.ring, cursor)
	} else {
		delete(c.known, c.ring[c.next])
		c.ring[c.next] = cursor
		c.next = (c.next + 1) % remembered
	}
	c.known[cursor] = struct{}{}
}
