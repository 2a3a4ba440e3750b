package memcache

import (
	"time"

	"github.com/commchannel/gateway/store/mcwire"
)

const (
	// pollBatch is how many keys are asked for at once: enough that the way
	// there and back counts little, few enough to bound what comes.
	pollBatch = 100
	// touchEvery is how often a followed channel's life is renewed. PHP
	// renews it by writes alone: after 30 quiet seconds clients that poll
	// would lose their places.
	touchEvery = 10 * time.Second
)

// poll is the goroutine that looks at followed channels: at those of which the
// waker tells, and at all of them over and over. While events come, that is
// only to make sure.
func (s *Store) poll() {
	p := mcwire.Pace{Min: s.cfg.PollMin, Max: s.cfg.PollMax}
	var c checker
	defer c.close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var some []*follower
		select {
		case <-s.stop:
			return
		case <-s.kick: // don't let them wait for their turn
			some = s.followed((*follower).isWaiting)
		case <-s.waker.ready:
			channels, all := s.waker.take()
			if all {
				c.round = nil
				timer.Reset(0)
			}
			some = s.followersOf(channels)
		case <-timer.C:
			timer.Reset(s.round(&p, &c))
			continue
		}
		if _, err := s.sweep(some); err != nil {
			timer.Reset(0) // the next round tells of errors, and tries again
		}
	}
}

// round looks at all followed channels, or a part of them while events come,
// and returns how long to wait for the next one.
func (s *Store) round(p *mcwire.Pace, c *checker) time.Duration {
	if s.waker.isWatching() {
		if wait, err := c.step(s); err == nil {
			s.tell(p.Failing(), nil)
			p.Recover()
			return wait
		}
	}
	begun := time.Now()
	news, err := s.sweep(s.followed(nil))
	s.tell(p.Failing(), err)
	return p.Next(time.Since(begun), news, err != nil)
}

func (s *Store) followersOf(channels []string) []*follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	fs := make([]*follower, 0, len(channels))
	for _, c := range channels {
		if f := s.followers[c]; f != nil {
			fs = append(fs, f)
		}
	}
	return fs
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
