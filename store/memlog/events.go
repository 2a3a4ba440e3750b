package memlog

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/commchannel/gateway/store/mcwire"
)

const (
	// beatEvery is how often the gateway writes a key of its own while it
	// listens: memcached's log thread falls asleep else, for up to a second.
	beatEvery = 20 * time.Millisecond
	// deafAfter is how long no beat may be heard.
	deafAfter = 250 * time.Millisecond
	beatTTL   = 5 // seconds
	// Between tries to listen, where the server does not let us, and where
	// the connection fails.
	refusedRetry = 30 * time.Second
	crowdedRetry = 5 * time.Second
	brokenRetry  = 500 * time.Millisecond
)

// listen is the goroutine that has memcached tell of what is written, while
// anybody follows a channel.
func (v *server) listen() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	v.store.done.Go(func() {
		<-v.store.stop
		cancel()
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-v.stir:
			// Somebody follows now, or again.
		case <-timer.C:
		}
		if !v.isFollowed() {
			continue
		}
		if err := v.listenOnce(ctx); err != nil {
			v.setMode(ModePolling, err)
			timer.Reset(retryAfter(err))
		} else {
			v.setMode(ModeIdle, nil)
		}
	}
}

func retryAfter(err error) time.Duration {
	switch {
	case errors.Is(err, mcwire.ErrTooManyWatchers):
		return crowdedRetry
	case errors.Is(err, mcwire.ErrWatchRefused):
		return refusedRetry
	}
	return brokenRetry
}

// listenOnce listens over one connection, until it breaks or nobody follows any
// channel.
func (v *server) listenOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cfg := mcwire.Config{Timeout: v.store.cfg.Timeout}
	c, err := mcwire.Dial(ctx, v.addr, cfg)
	if err != nil {
		return err
	}
	events, err := c.Watch(ctx, keyPrefix)
	if err != nil {
		return err
	}
	defer events.Close()
	beats, err := mcwire.Dial(ctx, v.addr, cfg)
	if err != nil {
		return err
	}
	defer beats.Close()
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() { v.beat(ctx, cancel, beats) })
	return v.hear(events)
}

// beat writes the heartbeat. Without it nothing is known of the stream, so that
// its end is the stream's.
func (v *server) beat(ctx context.Context, end context.CancelFunc, c *mcwire.Conn) {
	defer end()
	key := heartbeatPrefix + rand.Text()
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		if err := c.SetQuiet(ctx, key, nil, beatTTL); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// hear takes events until the stream ends, or nobody follows any channel.
func (v *server) hear(events *mcwire.Stream) error {
	for {
		ev, err := events.Next(deafAfter)
		switch {
		case errors.Is(err, mcwire.ErrSilent):
			v.setMode(ModePolling, err)
		case err != nil:
			return err
		case ev.Skipped > 0:
			wake(v.kick)
		default:
			v.setMode(ModeEvents, nil)
			if name, ok := writtenName(string(ev.Key)); ok {
				v.hint(name)
			}
		}
		if !v.isFollowed() {
			return nil
		}
	}
}

// A Mode is how a store learns of what others publish.
type Mode int32

// The modes.
const (
	ModeIdle    Mode = iota // nobody follows any channel, or it is not known yet
	ModeEvents              // memcached tells of what is written
	ModePolling             // the heads are asked for, over and over
)

func (m Mode) String() string { return [...]string{"idle", "events", "polling"}[m] }

// Modes tells for each server how the store learns of what is new there.
func (s *Store) Modes() map[string]Mode {
	modes := make(map[string]Mode, len(s.servers))
	for _, v := range s.servers {
		modes[v.addr] = Mode(v.mode.Load())
	}
	return modes
}

// State is the Modes, for operators.
func (s *Store) State() string {
	var parts []string
	for _, v := range s.servers {
		parts = append(parts, v.addr+" "+Mode(v.mode.Load()).String())
	}
	return "memcached, log layout: " + strings.Join(parts, ", ")
}

// setMode has all heads looked at when the mode changes: something may have
// been missed in between. It logs the change.
func (v *server) setMode(m Mode, why error) {
	if Mode(v.mode.Swap(int32(m))) == m {
		return
	}
	wake(v.kick)
	switch log := v.store.cfg.Logger.Info().Str("addr", v.addr); m {
	case ModeEvents:
		log.Msg("memcached tells of what is written")
	case ModePolling:
		log.AnErr("why", why).Msg("memcached does not tell of what is written; its channels are polled")
	case ModeIdle:
		log.Discard()
	}
}
