package memcache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/commchannel/gateway/store/mcwire"
)

// How the store learns of other processes' messages: memcached tells of every
// write over a watching connection. Its log thread falls asleep when nothing
// is written, for up to a second, so a write of our own, the beat, keeps it
// awake; and where the beat is not seen, the stream is not to be relied on.
const (
	beatEvery    = 20 * time.Millisecond  // while a channel is followed
	beatPatience = 250 * time.Millisecond // without a beat, the store polls
	beatLife     = 5                      // seconds
	statsEvery   = time.Second            // memcached tells there that it dropped events

	rewatchAfter = time.Second // after the stream has ended
	refusedAfter = time.Minute // after memcached would not let us watch
)

// The ways in which a store learns of messages.
const (
	byWatching = "watch"
	byPolling  = "poll"
)

// A waker tells the poller which channels to look at.
type waker struct {
	ready chan struct{} // one, when there is something to take

	mu       sync.Mutex
	watching bool            // events come
	all      bool            // look at every channel
	woken    map[string]bool // or at these
	told     string          // the way that was logged last
}

func newWaker() *waker {
	return &waker{ready: make(chan struct{}, 1), woken: make(map[string]bool)}
}

// wake asks for a look at channel.
func (w *waker) wake(channel string) {
	w.mu.Lock()
	w.woken[channel] = true
	w.mu.Unlock()
	w.signal()
}

// wakeAll asks for a look at every channel.
func (w *waker) wakeAll() {
	w.mu.Lock()
	w.all = true
	w.mu.Unlock()
	w.signal()
}

func (w *waker) signal() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// take gives the channels to look at, or all.
func (w *waker) take() (channels []string, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.woken {
		channels = append(channels, c)
	}
	all = w.all
	w.all = false
	clear(w.woken)
	return channels, all
}

func (w *waker) isWatching() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.watching
}

// set notes whether events come, and reports whether that is a change.
func (w *waker) set(watching bool) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed = w.watching != watching
	w.watching = watching
	return changed
}

// Mode tells how the store learns of other processes' messages at the moment:
// "watch" or "poll".
func (s *Store) Mode() string {
	if s.waker.isWatching() {
		return byWatching
	}
	return byPolling
}

// State is the Mode, for operators.
func (s *Store) State() string { return "memcached, followed by " + s.Mode() }

// learn is the goroutine that keeps a stream of events open.
func (s *Store) learn() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.done.Go(func() {
		<-s.stop
		cancel()
	})
	for {
		err := s.watchEvents(ctx)
		s.watchIs(false, err)
		wait := rewatchAfter
		if errors.Is(err, mcwire.ErrWatchRefused) {
			wait = refusedAfter
		}
		select {
		case <-s.stop:
			return
		case <-time.After(wait):
		}
	}
}

// watchEvents takes events until their stream ends.
func (s *Store) watchEvents(ctx context.Context) error {
	cfg := mcwire.Config{Timeout: s.cfg.Timeout}
	conn, err := mcwire.Dial(ctx, s.cfg.Addr, cfg)
	if err != nil {
		return err
	}
	events, err := conn.Watch(ctx, s.beatKey(), s.key(""))
	if err != nil {
		return err
	}
	defer events.Close()
	beats, err := mcwire.Dial(ctx, s.cfg.Addr, cfg)
	if err != nil {
		return err
	}
	var beating sync.WaitGroup
	defer beating.Wait()
	defer beats.Close()
	beating.Go(func() {
		s.beat(ctx, beats)
		events.Close() // without beats there is no relying on it
	})
	for {
		switch e, err := events.Next(beatPatience); {
		case errors.Is(err, mcwire.ErrSilent):
			s.watchIs(false, err)
		case err != nil:
			return err
		default:
			s.hear(e)
		}
	}
}

// hear takes an event in.
func (s *Store) hear(e mcwire.Event) {
	switch {
	case e.Skipped > 0:
		s.waker.wakeAll()
	case string(e.Key) == s.beatKey():
		s.watchIs(true, nil)
	default:
		channel := e.Key[len(s.key("")):]
		s.mu.Lock()
		f := s.followers[string(channel)]
		s.mu.Unlock()
		if f != nil {
			s.waker.wake(f.channel)
		}
	}
}

// watchIs notes whether events come. Who changes to polling looks at all
// channels first: an event may have been missed.
func (s *Store) watchIs(on bool, why error) {
	if s.waker.set(on) && !on {
		s.waker.wakeAll()
	}
	s.mu.Lock()
	followed := len(s.followers) > 0
	s.mu.Unlock()
	way := byPolling
	if on {
		way = byWatching
	} else if !followed && errors.Is(why, mcwire.ErrSilent) {
		return // no channel is followed, so there are no beats
	}
	s.waker.tell(s, way, why)
}

// tell logs the way once for each change.
func (w *waker) tell(s *Store, way string, why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if way == w.told || errors.Is(why, context.Canceled) {
		return
	}
	w.told = way
	s.cfg.Logger.Info().AnErr("reason", why).Str("mode", way).Msg("how messages of other processes are learnt of")
}

// beat keeps memcached's log thread awake, and looks whether it has dropped
// events, until the connection fails.
func (s *Store) beat(ctx context.Context, conn *mcwire.Conn) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	var asked time.Time
	var lost uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.followsNothing() {
			continue
		}
		if conn.SetQuiet(ctx, s.beatKey(), []byte("1"), beatLife) != nil {
			return
		}
		if time.Since(asked) < statsEvery {
			continue
		}
		asked = time.Now()
		stats, err := conn.Stats(ctx)
		if err != nil {
			return
		}
		if now := stats.LogWorkerDropped + stats.LogWatcherSkipped; now != lost {
			lost = now
			s.waker.wakeAll()
		}
	}
}

func (s *Store) followsNothing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.followers) == 0
}

func (s *Store) beatKey() string { return s.cfg.Prefix + "commchannel_beat" }
