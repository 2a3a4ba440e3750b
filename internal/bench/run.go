package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A run is one measurement.
type run struct {
	// static
	opts          Options
	layout        layout
	target        target
	publishTarget target
	credit        *credit

	// the readers', until they are stopped
	subs    []*subscriber
	tallies []*tally

	connected atomic.Int64
	all       chan struct{} // closed when all are connected
	failure   chan error    // holds the first

	began  atomic.Int64 // unix nanoseconds of the first message; 0: not yet
	sent   [][]int      // by publisher and channel
	result Result
}

func newRun(o Options, t, publish target) *run {
	l := layout{o.Subscribers, o.Channels, o.Each}
	return &run{
		opts: o, layout: l, target: t, publishTarget: publish,
		credit: newCredit(l, o.Publishers),
		all:    make(chan struct{}), failure: make(chan error, 1),
		result: Result{Options: o},
	}
}

// skip is how many bytes behind a marker belong to its message, at least.
func (r *run) skip() int { return max(0, r.opts.Size-minSize) }

func (r *run) newTally() *tally {
	t := &tally{}
	r.tallies = append(r.tallies, t)
	return t
}

// ready notes that a subscriber follows its channels. It is for its reader.
func (r *run) ready() {
	if r.connected.Add(1) == int64(r.opts.Subscribers) {
		close(r.all)
	}
}

// ended notes that a subscriber's connection has ended, for s.err. It is for
// its reader.
func (r *run) ended(s *subscriber) {
	if !s.ready {
		r.fail(fmt.Errorf("bench: subscriber %d: %w", s.follower.number, s.err))
	}
}

// fail ends the run.
func (r *run) fail(err error) {
	select {
	case r.failure <- err:
	default: // not the first
	}
}

// deliver tells the publishers of what came. It is for t's owner.
func (r *run) deliver(t *tally) {
	if t.delivered > 0 {
		r.credit.delivered(t.delivered)
		t.delivered = 0
	}
}

func (r *run) measure(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.showProgress()()
	rs, err := newReaders(ctx, r)
	if err != nil {
		return err
	}
	r.result.Before = readMemory(r.opts.PIDs)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case err := <-r.failure:
			cancel(err)
		case <-ctx.Done():
		}
	})
	rs.start()
	err = r.phases(ctx)
	rs.stop()
	if err != nil {
		return errors.Join(context.Cause(ctx), ignoreCanceled(err))
	}
	r.collect()
	return nil
}

// ignoreCanceled leaves an error out that says no more than a context's cause.
func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// phases connects, rests and publishes.
func (r *run) phases(ctx context.Context) error {
	begin, before := time.Now(), readCPU(r.opts.PIDs)
	if err := r.awaitAll(ctx); err != nil {
		return err
	}
	r.result.ConnectTime = time.Since(begin)
	if err := sleep(ctx, r.opts.Settle); err != nil {
		return err
	}
	r.result.ConnectCPU = readCPU(r.opts.PIDs) - before
	r.result.Connected = readMemory(r.opts.PIDs)
	if r.opts.Idle {
		return nil
	}
	return r.publish(ctx)
}

// stalled is how long no connection comes about before that is an error.
const stalled = 30 * time.Second

func (r *run) awaitAll(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, since := int64(0), time.Now()
	for {
		select {
		case <-r.all:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if now := r.connected.Load(); now != last {
			last, since = now, time.Now()
		} else if time.Since(since) > stalled {
			return fmt.Errorf("bench: %d of %d connections are there, and no other one for %v", now, r.opts.Subscribers, stalled)
		}
	}
}

// publish publishes, and waits until everything has come, or nothing more
// comes.
func (r *run) publish(ctx context.Context) error {
	publishers, err := r.dialPublishers(ctx)
	defer func() {
		for _, p := range publishers {
			p.close()
		}
	}()
	if err != nil {
		return err
	}
	begin, cpu, own := time.Now(), readCPU(r.opts.PIDs), ownCPU()
	r.began.Store(begin.UnixNano())
	var publishing sync.WaitGroup
	for _, p := range publishers {
		publishing.Go(func() {
			if err := p.publish(ctx, begin); err != nil {
				r.fail(err)
			}
		})
	}
	publishing.Wait()
	last := r.credit.wait(ctx, r.opts.patience)
	r.result.Elapsed = last.Sub(begin)
	r.result.CPU = readCPU(r.opts.PIDs) - cpu
	r.result.GeneratorCPU = ownCPU() - own
	for _, p := range publishers {
		r.result.Behind = max(r.result.Behind, p.behind)
		for _, n := range p.sent {
			r.result.Published += n
		}
		r.sent = append(r.sent, p.sent)
	}
	return ctx.Err()
}

// collect wants the readers to have stopped.
func (r *run) collect() {
	res := &r.result
	for _, t := range r.tallies {
		res.Latency.add(&t.latency)
		res.ConnectLatency.add(&t.connects)
	}
	followers := make([]*follower, len(r.subs))
	for i, s := range r.subs {
		f := s.follower
		followers[i] = f
		res.Delivered += f.received
		res.Lost += f.lost(r.sent)
		res.Doubled += f.doubled
		res.Disordered += f.disordered
		res.Gaps += s.inbox.gaps
		if s.err != nil {
			res.Cut++
			res.CutError = cmp.Or(res.CutError, s.err)
		}
	}
	if res.Lost == 0 && res.Doubled == 0 && r.opts.Publishers > 1 {
		res.Differing = differing(r.layout, followers)
	}
}
