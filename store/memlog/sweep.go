package memlog

import (
	"context"
	"time"

	"github.com/commchannel/gateway/store/mcwire"
)

const (
	// sweepBatch is how many heads one command asks for, and sweepMost how
	// many one exchange.
	sweepBatch = 100
	sweepMost  = 1000
	// safetyEvery is how often all heads are asked for while memcached tells
	// of what is written: it leaves things out when it has much to tell.
	safetyEvery = time.Second
)

// sweepAll is the goroutine that looks at the heads of all followed channels,
// and tells the watchers of those that have changed.
func (v *server) sweepAll() {
	p := mcwire.Pace{Min: v.store.cfg.PollMin, Max: v.store.cfg.PollMax}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-v.store.stop:
			return
		case <-v.kick:
		case <-timer.C:
		}
		names := v.followed()
		if len(names) == 0 {
			v.down.Store(false) // who knows
			timer.Stop()        // until somebody follows
			continue
		}
		begun := time.Now()
		news, err := v.sweep(names)
		v.setDown(err)
		wait := p.Next(time.Since(begun), news, err != nil)
		if Mode(v.mode.Load()) == ModeEvents && err == nil {
			wait = safetyEvery
		}
		timer.Reset(wait)
	}
}

func (v *server) followed() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	names := make([]string, 0, len(v.followers))
	for name := range v.followers {
		names = append(names, name)
	}
	return names
}

// sweep looks at heads, and reports whether any was another than before.
func (v *server) sweep(names []string) (news bool, err error) {
	for len(names) > 0 {
		part := names[:min(sweepMost, len(names))]
		names = names[len(part):]
		var ops []*op
		for rest := part; len(rest) > 0; {
			keys := make([]string, min(sweepBatch, len(rest)))
			for i := range keys {
				keys[i] = headKey(rest[i])
			}
			rest = rest[len(keys):]
			ops = append(ops, getOp(keys...))
		}
		if err := v.run(context.Background(), append(ops, v.touches(part)...)...); err != nil {
			return news, err
		}
		for i, o := range ops {
			news = v.see(part[i*sweepBatch:][:len(o.items)], o.items) || news
		}
	}
	return news, nil
}

// touches renews the life of heads that are watched for long.
func (v *server) touches(names []string) (ops []*op) {
	for _, name := range names {
		if touch := v.touch(name); touch != nil {
			ops = append(ops, touch)
		}
	}
	return ops
}

// see takes in heads. One that is gone is news as well: its epoch has ended.
func (v *server) see(names []string, heads []item) (news bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, name := range names {
		f, ok := v.followers[name]
		if !ok {
			continue
		}
		h, err := parseHead(heads[i])
		if err != nil {
			h = place{}
		}
		if f.known && h == f.seen {
			continue
		}
		f.seen, f.known, news = h, true, true
		v.hintLocked(name)
	}
	return news
}

// setDown logs when memcached goes away, and when it comes back.
func (v *server) setDown(err error) {
	was := v.down.Swap(err != nil)
	switch log := &v.store.cfg.Logger; {
	case err != nil && !was:
		log.Error().Err(err).Str("addr", v.addr).Msg("memcached can't be reached; its channels are unavailable")
	case err == nil && was:
		log.Info().Str("addr", v.addr).Msg("memcached is back")
	}
}
