package bench

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// readers hold the subscribers' connections: they open and read them.
type readers interface {
	// start begins to connect. Run's ready and ended are told of each.
	start()
	// stop ends all connections. After it, the subscribers and tallies belong
	// to the caller.
	stop()
}

// newReaders makes the subscribers and those who read them.
func newReaders(ctx context.Context, r *run) (readers, error) {
	if !r.opts.portable && !r.target.secure {
		if rs, err := newPollers(ctx, r); rs != nil || err != nil {
			return rs, err
		}
	}
	return newGoroutines(r), nil
}

// goroutines are readers with one for each subscriber: for TLS, and where
// there is no epoll.
type goroutines struct {
	run     *run
	cancel  context.CancelFunc
	ctx     context.Context
	opening chan struct{} // holds one for each connection being opened
	running sync.WaitGroup
}

func newGoroutines(r *run) *goroutines {
	g := &goroutines{run: r, opening: make(chan struct{}, r.opts.Connecting)}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	for i := range r.opts.Subscribers {
		r.subs = append(r.subs, newSubscriber(r, i, r.newTally()))
	}
	return g
}

func (g *goroutines) start() {
	for _, s := range g.run.subs {
		g.running.Go(func() {
			if err := g.serve(s); g.ctx.Err() == nil {
				s.err = err
				g.run.ended(s)
			}
		})
	}
}

func (g *goroutines) stop() {
	g.cancel()
	g.running.Wait()
}

// serve opens and reads one connection until it ends.
func (g *goroutines) serve(s *subscriber) error {
	select {
	case g.opening <- struct{}{}:
	case <-g.ctx.Done():
		return g.ctx.Err()
	}
	opening := true
	opened := func() {
		if opening {
			opening = false
			<-g.opening
		}
	}
	defer opened()
	s.began = time.Now()
	nc, err := dial(g.ctx, g.run.target)
	if err != nil {
		return err
	}
	defer nc.Close()
	defer context.AfterFunc(g.ctx, func() { nc.Close() })()
	said := s.open()
	for buf := make([]byte, 2*leastRoom); ; {
		if _, err := nc.Write(said); err != nil {
			return err
		}
		if s.becomesReady() {
			opened()
			g.run.ready()
		}
		if buf, err = s.receive(buf, nc.Read); err != nil {
			return err
		}
		if err := s.follower.strange; err != nil {
			return err
		}
		g.run.deliver(s.follower.tally)
		var after time.Duration
		if said, after = s.said(); after > 0 {
			if err := sleep(g.ctx, after); err != nil {
				return err
			}
		}
	}
}

func dial(ctx context.Context, t target) (net.Conn, error) {
	if t.secure {
		return (&tls.Dialer{}).DialContext(ctx, "tcp", t.addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", t.addr)
}

// sleep returns early with ctx, and its error.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
