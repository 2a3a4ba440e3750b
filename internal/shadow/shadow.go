// Package shadow compares what a channel's messages are to two clients: one
// that polls as the seed's does, and one of the gateway. For a while it is
// both, and tells whether the same messages came to both in the same order,
// and how much sooner they came to the new one.
//
// It sends nothing. To the old side it is one more client, with a place of its
// own in the channel.
package shadow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol/client"
)

const (
	// pollPause is what the seed's client waits behind each answer.
	pollPause = 500 * time.Millisecond
	// defaultSettle is long for a message, which has at most pollPause and an
	// answer's time to wait.
	defaultSettle = 5 * time.Second
	// workPace is how often is looked at what can't be told by one message
	// alone.
	workPace = time.Second
)

// Options say what to compare.
type Options struct {
	Channel string
	// Poll is one poll of the old client: the texts that came. The first one
	// sets its place.
	Poll func(ctx context.Context) ([]string, error)
	// Events are those of the new client, whose subscription has begun. It is
	// another client than the polling one, and none that sends.
	Events func(ctx context.Context) iter.Seq2[client.Event, error]

	Duration time.Duration // 0: until the context ends
	// Settle is how long a message may be on its way to one side when it has
	// come to the other. 0: 5 seconds.
	Settle   time.Duration
	Progress func(Progress) // is told every second how it goes; nil: nobody is
}

// A Progress is how it goes.
type Progress struct {
	Elapsed  time.Duration
	Same     int // messages that came to both
	Waiting  int // messages that came to one, and not yet to the other
	P50, P99 time.Duration
}

// Run compares until the duration is over or ctx ends; after that it waits for
// what is on its way, at most Settle. Its error tells that a side could not be
// heard; what they differ in is in the Result.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Settle == 0 {
		o.Settle = defaultSettle
	}
	r := &run{
		opts: o, polls: make(chan poll), heard: make(chan heard),
		over: time.NewTimer(0), comparison: comparison{settle: o.Settle},
	}
	r.over.Stop()
	going, stop := context.WithCancel(context.WithoutCancel(ctx))
	var sides sync.WaitGroup
	defer sides.Wait()
	defer stop()
	sides.Go(func() { r.pollOn(going) })
	sides.Go(func() { r.listen(going) })
	if err := r.compare(ctx); err != nil {
		return Result{}, err
	}
	return r.result(), nil
}

// A poll is one of the old client's.
type poll struct {
	asked, answered time.Time
	texts           []string
	err             error
}

// heard is what the new client was told.
type heard struct {
	at    time.Time
	event client.Event
	err   error
}

// A run is one comparison.
type run struct {
	// static
	opts  Options
	polls chan poll
	heard chan heard

	// owned by compare
	comparison  comparison
	over        *time.Timer // of the duration, and then of Settle
	began       time.Time   // when the old client had its place; zero: it has none yet
	ended       time.Time   // when the duration was over; zero: it is not
	failedPolls int
	pollError   error // of the last one that failed
}

// A PollError tells that the old client could not poll at all.
type PollError struct{ Err error }

func (e *PollError) Error() string { return "shadow: the old client's first poll: " + e.Err.Error() }
func (e *PollError) Unwrap() error { return e.Err }

// pollOn polls until ctx ends.
func (r *run) pollOn(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		p := poll{asked: time.Now()}
		p.texts, p.err = r.opts.Poll(ctx)
		p.answered = time.Now()
		select {
		case r.polls <- p:
		case <-ctx.Done():
			return
		}
		pause.Reset(pollPause)
	}
}

// listen hears the new side until ctx or the subscription ends.
func (r *run) listen(ctx context.Context) {
	for e, err := range r.opts.Events(ctx) {
		select {
		case r.heard <- heard{time.Now(), e, err}:
		case <-ctx.Done():
			return
		}
	}
}

// compare takes what both sides bring, until it is over and nothing is on its
// way any more.
func (r *run) compare(ctx context.Context) error {
	work := time.NewTicker(workPace)
	defer work.Stop()
	defer r.over.Stop()
	stop := ctx.Done()
	for !r.finished() {
		var err error
		select {
		case p := <-r.polls:
			err = r.polled(p)
		case h := <-r.heard:
			err = r.hear(h)
		case now := <-work.C:
			r.comparison.work(now)
			r.tell(now)
		case <-r.over.C:
			if !r.ended.IsZero() {
				return nil // what is still on its way does not come
			}
			r.end()
		case <-stop:
			stop = nil
			if r.began.IsZero() {
				return ctx.Err()
			}
			r.end()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end is the end of the duration.
func (r *run) end() {
	if r.ended.IsZero() {
		r.ended = time.Now()
		r.comparison.until = r.ended
		r.over.Reset(r.opts.Settle)
	}
}

func (r *run) finished() bool { return !r.ended.IsZero() && r.comparison.settled() }

// polled takes over a poll.
func (r *run) polled(p poll) error {
	if p.err != nil {
		return r.pollFailed(p.err)
	}
	if r.began.IsZero() {
		r.began = p.answered
		r.comparison.begin(p.asked, p.answered)
		if r.opts.Duration > 0 {
			r.over.Reset(r.opts.Duration)
		}
	}
	r.comparison.hearLegacy(p.texts, p.answered)
	return nil
}

// pollFailed notes that a poll has failed; the next one may not. Without a
// first one there is nothing to compare.
func (r *run) pollFailed(err error) error {
	if r.began.IsZero() {
		return &PollError{err}
	}
	r.failedPolls++
	r.pollError = err
	return nil
}

// hear takes over what the new client was told.
func (r *run) hear(h heard) error {
	if errors.As(h.err, new(*client.GapError)) {
		r.comparison.gaps++
		return nil
	}
	if h.err != nil {
		return fmt.Errorf("shadow: the new client: %w", h.err)
	}
	if m, ok := h.event.(*client.Message); ok {
		r.comparison.hearModern(m, h.at)
	}
	return nil
}

func (r *run) tell(now time.Time) {
	if r.opts.Progress == nil || r.began.IsZero() {
		return
	}
	c := &r.comparison
	p50, p99 := c.gains.quantiles()
	r.opts.Progress(Progress{
		Elapsed: now.Sub(r.began), Same: c.same, Waiting: len(c.modern) + len(c.legacy), P50: p50, P99: p99,
	})
}
