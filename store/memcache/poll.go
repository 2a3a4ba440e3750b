package memcache

import (
	"time"
)

const (
	// pollBatch is how many keys are asked for at once: enough that the way
	// there and back counts little, few enough to bound what comes.
	pollBatch = 100
	// activeFor is how long after the last news the poller stays fast.
	activeFor = time.Second
	// Between tries while memcached can't be reached.
	retryMin, retryMax = 50 * time.Millisecond, time.Second
	// touchEvery is how often a followed channel's life is renewed. PHP
	// renews it by writes alone: after 30 quiet seconds clients that poll
	// would lose their places.
	touchEvery = 10 * time.Second
)

// poll is the goroutine that learns of other processes' messages: it looks at
// all followed channels over and over. What wakes it is only a matter of
// speed; any other source of hints may call sweep as well.
func (s *Store) poll() {
	p := pace{min: s.cfg.PollMin, max: s.cfg.PollMax}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var waiting []*follower
		select {
		case <-s.stop:
			return
		case <-s.kick:
			waiting = s.followed((*follower).isWaiting)
		case <-timer.C:
		}
		if waiting != nil { // don't let them wait for their turn
			_, _ = s.sweep(waiting) // the next round tells of errors
			continue
		}
		begun := time.Now()
		news, err := s.sweep(s.followed(nil))
		s.tell(p.failures > 0, err)
		timer.Reset(p.next(time.Since(begun), news, err != nil))
	}
}

// followed gives the followers that are, or all.
func (s *Store) followed(are func(*follower) bool) []*follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	fs := make([]*follower, 0, len(s.followers))
	for _, f := range s.followers {
		if are == nil || are(f) {
			fs = append(fs, f)
		}
	}
	return fs
}

func (f *follower) isWaiting() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.ready
}

// sweep looks at followers and reports whether any had news.
func (s *Store) sweep(fs []*follower) (news bool, err error) {
	keys, tickets := make([]string, 0, pollBatch), make([]ticket, 0, pollBatch)
	for len(fs) > 0 {
		batch := fs[:min(pollBatch, len(fs))]
		fs = fs[len(batch):]
		keys, tickets = keys[:0], tickets[:0]
		for _, f := range batch {
			keys, tickets = append(keys, f.key), append(tickets, f.beginLook())
		}
		l, err := s.server.look(keys...)
		if err != nil {
			return news, err
		}
		for i, f := range batch {
			news = s.see(f, tickets[i], l) || news
		}
	}
	return news, nil
}

// tell logs when memcached goes away and when it comes back.
func (s *Store) tell(wasDown bool, err error) {
	switch {
	case err != nil && !wasDown:
		s.cfg.Logger.Error().Err(err).Str("addr", s.cfg.Addr).Msg("memcached can't be reached")
	case err == nil && wasDown:
		s.cfg.Logger.Info().Str("addr", s.cfg.Addr).Msg("memcached is back")
	}
}

// A pace says how long to wait between sweeps.
type pace struct {
	min, max time.Duration
	last     time.Duration
	quiet    time.Duration // since there was news
	failures int
}

// next is the wait after a sweep that took so long.
func (p *pace) next(took time.Duration, news, failed bool) time.Duration {
	if failed {
		p.failures++
		return min(retryMin<<min(p.failures-1, 10), retryMax)
	}
	p.failures = 0
	least := max(p.min, 2*took) // at most a third of the time goes into sweeps
	if p.quiet += p.last + took; news {
		p.quiet = 0
	}
	if p.quiet < activeFor {
		p.last = least
	} else {
		p.last = min(max(p.last+p.last/4, least), max(p.max, least))
	}
	return p.last
}

// keepAlive is the goroutine that renews the life of followed channels, and
// of the life's mark.
func (s *Store) keepAlive() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var marked time.Time
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		if now := time.Now(); now.Sub(marked) >= touchEvery {
			if _, err := s.server.touch(s.server.lifeKey, lifeTTL); err != nil {
				continue // the poller tells of it
			}
			marked = now
		}
		s.touchAll()
	}
}

func (s *Store) touchAll() {
	for _, f := range s.followed((*follower).isFading) {
		select {
		case <-s.stop:
			return
		default:
		}
		begun := s.cfg.Clock()
		found, err := s.server.touch(f.key, ttl)
		if err != nil {
			return
		}
		f.hasTouched(begun, found)
	}
}

func (f *follower) isFading() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.present && time.Since(f.touched) >= touchEvery
}

func (f *follower) hasTouched(begun time.Time, found bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.touched = time.Now()
	if until := begun.Add(leastLife); found && until.After(f.safeUntil) {
		f.safeUntil = until
	}
}
