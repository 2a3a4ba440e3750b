package memory

import (
	"context"

	"github.com/commchannel/gateway/protocol"
)

// A watcher is one Watch that goes on.
type watcher struct {
	hints chan struct{}
	stop  func() bool // of context.AfterFunc
}

// hint never blocks: one hint that waits says it all.
func (w *watcher) hint() {
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

// Watch hints at every append until ctx ends.
func (s *Store) Watch(ctx context.Context, name string) <-chan struct{} {
	w := &watcher{hints: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return w.hints
	}
	if s.watchers[name] == nil {
		s.watchers[name] = make(map[*watcher]struct{})
		if ch, ok := s.channels[name]; ok {
			s.idle.Remove(ch.idle)
			ch.idle = nil
		}
	}
	s.watchers[name][w] = struct{}{}
	s.done.Add(1)
	w.stop = context.AfterFunc(ctx, func() {
		defer s.done.Done()
		s.unwatch(name, w)
	})
	return w.hints
}

func (s *Store) unwatch(name string, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.watchers[name][w]; !ok {
		return // Close was first
	}
	delete(s.watchers[name], w)
	if len(s.watchers[name]) > 0 {
		return
	}
	delete(s.watchers, name)
	if ch, ok := s.channels[name]; ok {
		ch.idle = s.idle.PushBack(ch)
	}
}

// forgetWatchers ends all watching. Under mu.
func (s *Store) forgetWatchers() {
	for _, ws := range s.watchers {
		for w := range ws {
			if w.stop() {
				s.done.Done()
			}
		}
	}
	s.watchers = nil
}

// SetClientCursor keeps a client's place, for as long as others' places don't
// take its room.
func (s *Store) SetClientCursor(ctx context.Context, name, client string, c protocol.Cursor) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.clients.set(clientKey{name, client}, c)
	return nil
}

// ClientCursor returns a client's place.
func (s *Store) ClientCursor(ctx context.Context, name, client string) (protocol.Cursor, error) {
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	defer s.mu.Unlock()
	return s.clients.find(clientKey{name, client}), nil
}
