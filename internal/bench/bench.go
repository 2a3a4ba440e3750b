// Package bench loads a gateway over WebSocket and measures it: what of the
// messages came, in which order and when, and what that cost the server.
//
// The subscribers are plain TCP connections with a WebSocket handshake of
// their own, cheap enough that the load is the server's. Every message holds
// its number and the time at which it was due; latency counts from there, so
// that a publisher that falls behind is seen.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say what load to make. Zero values are the defaults.
type Options struct {
	URL         string        // of the gateway's channel path; needed: ws://127.0.0.1:8080/channel
	Subscribers int           // connections, spread over the channels; 0: 1000
	Channels    int           // 0: 1
	Size        int           // bytes of a message's payload, at least 64; 0: 128
	Rate        int           // messages a second over all channels; 0: as many as go
	Duration    time.Duration // of the publishing; 0: 10 s
	Idle        bool          // no publishing: what do connections cost that do nothing?
	PID         int           // of the server, for its CPU and memory; 0: not measured
}

func (o Options) withDefaults() (Options, error) {
	if o.Subscribers == 0 {
		o.Subscribers = 1000
	}
	if o.Channels == 0 {
		o.Channels = 1
	}
	if o.Size == 0 {
		o.Size = 128
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	switch {
	case o.Subscribers < 0 || o.Channels < 0 || o.Rate < 0 || o.Duration < 0:
		return o, errors.New("bench: subscribers, channels, rate and duration can't be negative")
	case o.Size < minSize:
		return o, fmt.Errorf("bench: a message has %d bytes at least", minSize)
	}
	return o, nil
}

// A Result is what was measured.
type Result struct {
	Options   Options
	Published int
	Delivered int
	Lost      int // never came
	Doubled   int // came again, or behind a later one
	Elapsed   time.Duration

	Latency Latency // from the time a message was due until it was read

	ConnectTime time.Duration // of all subscribers
	CPU         time.Duration // the server's, while publishing
	ConnectCPU  time.Duration // the server's, while connecting
	MemoryFirst int64         // the server's resident bytes before the subscribers came
	MemoryLast  int64         // and with all of them there, before publishing
}

// Run makes the load and measures. It ends early with ctx, and returns an
// error when a connection fails; that messages were lost is in the Result.
func Run(ctx context.Context, o Options) (Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, err
	}
	target, err := url.Parse(o.URL)
	if err != nil || target.Host == "" {
		return Result{}, fmt.Errorf("bench: %q is no URL of a gateway", o.URL)
	}
	r := &run{opts: o, target: target, credit: newCredit(o)}
	defer r.close()
	return r.measure(ctx)
}

// A run is one measurement.
type run struct {
	opts   Options
	target *url.URL
	credit *credit
	subs   []*subscriber
	result Result
}

func (r *run) measure(ctx context.Context) (Result, error) {
	r.result.Options = r.opts
	before := readUsage(r.opts.PID)
	begin := time.Now()
	if err := r.connect(ctx); err != nil {
		return r.result, err
	}
	r.result.ConnectTime = time.Since(begin)
	settle(ctx)
	after := readUsage(r.opts.PID)
	r.result.ConnectCPU = after.cpu - before.cpu
	r.result.MemoryFirst, r.result.MemoryLast = before.resident, after.resident
	if r.opts.Idle {
		return r.result, ctx.Err()
	}
	if err := r.publish(ctx); err != nil {
		return r.result, err
	}
	r.result.CPU = readUsage(r.opts.PID).cpu - after.cpu
	r.collect()
	return r.result, nil
}

// settle gives the server a moment to come to rest.
func settle(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Second):
	}
}

// connect opens the subscribers' connections, some at a time.
func (r *run) connect(ctx context.Context) error {
	r.subs = make([]*subscriber, r.opts.Subscribers)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for i := range r.subs {
		g.Go(func() (err error) {
			r.subs[i], err = subscribe(ctx, r.target, i, channelName(i%r.opts.Channels), r.credit)
			return err
		})
	}
	return g.Wait()
}

func channelName(i int) string { return fmt.Sprintf("bench-%d-%d", os.Getpid(), i) }

// publish publishes, and waits until everything has come, or nothing more
// comes.
func (r *run) publish(ctx context.Context) error {
	var reading sync.WaitGroup
	for _, s := range r.subs {
		reading.Go(s.read)
	}
	p, err := dialPublisher(ctx, r.target, r.opts, r.credit)
	if err != nil {
		return err
	}
	defer p.close()
	begin := time.Now()
	r.result.Published, err = p.publish(ctx, r.opts)
	if err != nil {
		return err
	}
	r.credit.wait(ctx, r.expected(), 5*time.Second)
	r.result.Elapsed = time.Since(begin)
	for _, s := range r.subs {
		s.nc.Close()
	}
	reading.Wait()
	return nil
}

// expected is how many deliveries the published messages make.
func (r *run) expected() int64 {
	var n int64
	for i := range r.subs {
		n += int64(messagesOf(r.result.Published, i%r.opts.Channels, r.opts.Channels))
	}
	return n
}

// messagesOf is how many of n messages, given out in turn, a channel gets.
func messagesOf(n, channel, channels int) int {
	return (n + channels - 1 - channel) / channels
}

func (r *run) collect() {
	for i, s := range r.subs {
		r.result.Delivered += s.received
		r.result.Doubled += s.doubled
		r.result.Lost += messagesOf(r.result.Published, i%r.opts.Channels, r.opts.Channels) - s.received
		r.result.Latency.add(&s.latency)
	}
}

func (r *run) close() {
	for _, s := range r.subs {
		if s != nil {
			s.nc.Close()
		}
	}
}
