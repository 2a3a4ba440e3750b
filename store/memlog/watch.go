package memlog

import (
	"context"

	"github.com/commchannel/gateway/protocol"
)

// A follower is a channel that somebody watches. Its server's mutex guards it.
type follower struct {
	watchers map[*watcher]struct{}
	// seen is the head at the last sweep, known whether there was a sweep.
	seen  place
	known bool
}

// A watcher is one Watch that goes on.
type watcher struct {
	hints chan struct{}
	stop  func() bool // of context.AfterFunc; guarded as the follower is
}

// hint never blocks: one hint that waits says it all.
func (w *watcher) hint() { wake(w.hints) }

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Watch follows channel until ctx ends. Its first hint comes at once: so
// nothing is missed that came before. For a name that can't be there are no
// hints.
func (s *Store) Watch(ctx context.Context, channel string) <-chan struct{} {
	w := &watcher{hints: make(chan struct{}, 1)}
	if protocol.CheckChannel(channel) != nil {
		return w.hints
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return w.hints
	}
	name := nameOf(channel)
	v := s.server(name)
	v.mu.Lock()
	defer v.mu.Unlock()
	f, ok := v.followers[name]
	if !ok {
		f = &follower{watchers: make(map[*watcher]struct{})}
		v.followers[name] = f
		if len(v.followers) == 1 {
			wake(v.kick)
			wake(v.stir)
		}
	}
	f.watchers[w] = struct{}{}
	w.hint()
	s.done.Add(1)
	w.stop = context.AfterFunc(ctx, func() {
		defer s.done.Done()
		v.unwatch(name, f, w)
	})
	return w.hints
}

func (v *server) unwatch(name string, f *follower, w *watcher) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(f.watchers, w)
	if len(f.watchers) == 0 && v.followers[name] == f {
		delete(v.followers, name)
	}
}

// endWatching ends every Watch, once the store is closed.
func (v *server) endWatching() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.followers {
		for w := range f.watchers {
			if w.stop() {
				v.store.done.Done()
			}
		}
	}
	clear(v.followers)
}

func (v *server) isFollowed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.followers) > 0
}

// hint tells a channel's watchers.
func (v *server) hint(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hintLocked(name)
}

// hintLocked is hint, under mu.
func (v *server) hintLocked(name string) {
	if f, ok := v.followers[name]; ok {
		for w := range f.watchers {
			w.hint()
		}
	}
}

// hintAll tells the watchers of what was published.
func (v *server) hintAll(batch []*request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := ""
	for _, r := range batch {
		if r.cursor != "" && r.name != last {
			last = r.name
			v.hintLocked(r.name)
		}
	}
}
