package client

import (
	"context"
	"errors"
	"slices"
)

// AllTypes is what Handle takes for every type.
const AllTypes = "*"

// A handler is called for the messages of a type.
type handler struct {
	typ string
	do  func(context.Context, *Message)
}

// Handle has f called, by Run, for each message of a type, AllTypes for all
// messages. Several for one type are called in the order in which they were
// registered. Messages of types without a handler are passed over.
func (s *Subscription) Handle(typ string, f func(ctx context.Context, m *Message)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers = append(s.handlers, handler{typ, f})
}

// HandleJoin has f called, by Run, for each Join.
func (s *Subscription) HandleJoin(f func(context.Context, Join)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onJoin = append(s.onJoin, f)
}

// HandleLeave has f called, by Run, for each Leave.
func (s *Subscription) HandleLeave(f func(context.Context, Leave)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onLeave = append(s.onLeave, f)
}

// HandlePresence has f called, by Run, for each Presence that comes unasked.
func (s *Subscription) HandlePresence(f func(context.Context, Presence)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onThere = append(s.onThere, f)
}

// HandleGap has f called, by Run, where messages may be missing. Without it,
// such a gap ends Run.
func (s *Subscription) HandleGap(f func(context.Context, *GapError)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onGap = append(s.onGap, f)
}

// Run calls the handlers, one after the other, with ctx, until ctx ends or the
// subscription does; the error is as that of Messages, nil after Close. It is
// also a *GapError where HandleGap was not used; Run may be called again then,
// and goes on. A handler that takes long delays what follows, no more.
func (s *Subscription) Run(ctx context.Context) error {
	for e, err := range s.Events(ctx) {
		gap, isGap := errors.AsType[*GapError](err)
		switch {
		case isGap && s.gap(ctx, gap):
		case err != nil:
			return err
		default:
			s.dispatch(ctx, e)
		}
	}
	return nil
}

// gap reports whether somebody was told.
func (s *Subscription) gap(ctx context.Context, gap *GapError) bool {
	s.mu.Lock()
	told := slices.Clip(s.onGap)
	s.mu.Unlock()
	tellAll(ctx, told, gap)
	return len(told) > 0
}

func (s *Subscription) dispatch(ctx context.Context, e Event) {
	s.mu.Lock()
	handlers, onJoin, onLeave, onThere := slices.Clip(s.handlers), slices.Clip(s.onJoin), slices.Clip(s.onLeave), slices.Clip(s.onThere)
	s.mu.Unlock()
	switch e := e.(type) {
	case *Message:
		for _, h := range handlers {
			if h.typ == e.Type || h.typ == AllTypes {
				h.do(ctx, e)
			}
		}
	case Join:
		tellAll(ctx, onJoin, e)
	case Leave:
		tellAll(ctx, onLeave, e)
	case Presence:
		tellAll(ctx, onThere, e)
	}
}

func tellAll[E any](ctx context.Context, handlers []func(context.Context, E), e E) {
	for _, f := range handlers {
		f(ctx, e)
	}
}
