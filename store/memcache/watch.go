package memcache

import (
	"context"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A watcher is one Watch that goes on.
type watcher struct {
	hints chan struct{}
	stop  func() bool // of context.AfterFunc; under Store.mu
}

// hint never blocks: one hint that waits says it all.
func (w *watcher) hint() {
	select {
	case w.hints <- struct{}{}:
	default:
	}
}

// Watch follows channel until ctx ends. For a name that can't be there are no
// hints.
func (s *Store) Watch(ctx context.Context, channel string) <-chan struct{} {
	w := &watcher{hints: make(chan struct{}, 1)}
	if protocol.CheckChannel(channel) != nil {
		return w.hints // its key would spoil the whole batch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return w.hints
	}
	f, ok := s.followers[channel]
	if !ok {
		f = newFollower(channel, s.key(channel), s.cfg.Remember)
		s.followers[channel] = f
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
	f.mu.Lock()
	f.watchers[w] = struct{}{}
	if f.ready {
		w.hint() // something may be there that the others have read
	}
	f.mu.Unlock()
	s.done.Add(1)
	w.stop = context.AfterFunc(ctx, func() {
		defer s.done.Done()
		s.unwatch(f, w)
	})
	return w.hints
}

func (s *Store) unwatch(f *follower, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
	if len(f.watchers) == 0 && s.followers[f.channel] == f {
		delete(s.followers, f.channel)
	}
}

// endWatching ends every Watch. Under mu.
func (s *Store) endWatching() {
	for _, f := range s.followers {
		f.mu.Lock()
		for w := range f.watchers {
			if w.stop() {
				s.done.Done()
			}
		}
		f.mu.Unlock()
	}
	s.followers = nil
}

// follower is nil where nobody watches channel.
func (s *Store) follower(channel string) *follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.followers[channel]
}

// readFollowed reads from what a follower saw. found is false where it doesn't
// know the place.
func (s *Store) readFollowed(f *follower, at place, limit int) (p store.Page, found bool, err error) {
	if p, ok := f.served(at, limit); ok {
		return p, true, nil
	}
	if err := s.refresh(f); err != nil {
		return p, false, err
	}
	p, found = f.page(at, limit)
	return p, found, nil
}

// refresh makes f know all that was there when refresh was called. Reads that
// come at once share a look.
func (s *Store) refresh(f *follower) error {
	begun := f.looksBegun()
	f.reading.Lock()
	defer f.reading.Unlock()
	for !f.lookedSince(begun) {
		t := f.beginLook()
		l, err := s.server.look(f.key)
		if err != nil {
			return err
		}
		s.see(f, t, l)
	}
	return nil
}

// see takes a look in. It reports whether there was news.
func (s *Store) see(f *follower, t ticket, l look) (news bool) {
	_, news, err := f.see(t, l, s.cfg.Clock())
	if err != nil {
		s.warn(f.channel, err)
	}
	return news
}
