package memcache

import (
	"context"
	"time"

	"github.com/commchannel/gateway/store/mcwire"
)

// While events come, the poller only makes sure of them: once in safetyEvery
// it asks of every followed channel whether it has changed, some at a time, so
// that channels that were told of don't wait for long.
const (
	safetyEvery = time.Second
	safetyBatch = 500
	safetyPause = 5 * time.Millisecond // between batches
)

// A checker asks which channels have changed, without their values.
type checker struct {
	conn  *mcwire.Conn // nil: to be dialled
	round []*follower  // not asked yet in this round
	begun time.Time    // the round
}

// step asks of the next batch. It returns how long to wait for the next step.
func (c *checker) step(s *Store) (wait time.Duration, err error) {
	if len(c.round) == 0 {
		c.round, c.begun = s.followed(nil), time.Now()
	}
	batch := c.round[:min(safetyBatch, len(c.round))]
	c.round = c.round[len(batch):]
	if len(batch) > 0 {
		changed, err := c.changed(s, batch)
		if err != nil {
			c.close()
			changed = batch // by the ordinary way, which tells of errors
		}
		if _, err := s.sweep(changed); err != nil {
			return 0, err
		}
	}
	if len(c.round) > 0 {
		return safetyPause, nil
	}
	return max(safetyEvery-time.Since(c.begun), safetyPause), nil
}

// changed gives those that are not as they were at their latest look.
func (c *checker) changed(s *Store, batch []*follower) ([]*follower, error) {
	ctx := context.Background() // the connection's time-outs bound it
	if c.conn == nil {
		conn, err := mcwire.Dial(ctx, s.cfg.Addr, mcwire.Config{Timeout: s.cfg.Timeout})
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	begun := s.cfg.Clock()
	wants := make([]mcwire.Want, 1, 1+len(batch))
	wants[0].Key = s.server.lifeKey
	tickets := make([]ticket, len(batch))
	for i, f := range batch {
		tickets[i] = f.beginLook()
		wants = append(wants, mcwire.Want{Key: f.key})
	}
	var life uint64
	var changed []*follower
	err := c.conn.Heads(ctx, wants, func(r mcwire.Result) {
		if r.Index == 0 {
			life = r.CAS
			return
		}
		if i := r.Index - 1; !batch[i].isAsItWas(tickets[i], life, r.CAS, begun) {
			changed = append(changed, batch[i])
		}
	})
	return changed, err
}

func (c *checker) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// isAsItWas takes in that nothing has changed, if that is so. The CAS numbers
// are those of the life's mark and the channel, 0 for a miss.
func (f *follower) isAsItWas(t ticket, life, cas uint64, begun time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.version != f.version || !f.ready || life == 0 || life != f.lifeCAS || cas != f.cas {
		return false
	}
	if cas == 0 && begun.Sub(f.seenAt) >= leastLife {
		return false // see lost: of two misses it matters how long they are apart
	}
	f.looked, f.seenAt = max(f.looked, t.number), begun
	return true
}
