package bench

import (
	"fmt"
	"sync"
	"time"

	"github.com/commchannel/gateway/internal/terminal"
)

// progressPace is how often the line is written.
const progressPace = 250 * time.Millisecond

// showProgress writes a line over and over, until the function it returns is
// called, which takes it away.
func (r *run) showProgress() (stop func()) {
	w := r.opts.Progress
	if w == nil {
		return func() {}
	}
	stopping := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		tick := time.NewTicker(progressPace)
		defer tick.Stop()
		line := terminal.NewLine(w)
		for {
			select {
			case <-tick.C:
				line.Show(r.progress(time.Now()))
			case <-stopping:
				line.Clear()
				return
			}
		}
	})
	return func() {
		close(stopping)
		showing.Wait()
	}
}

// progress is the line at a moment.
func (r *run) progress(now time.Time) string {
	connected := r.connected.Load()
	if connected < int64(r.opts.Subscribers) {
		return fmt.Sprintf("connecting: %d of %d", connected, r.opts.Subscribers)
	}
	began := r.began.Load()
	if began == 0 {
		return fmt.Sprintf("%d connected, at rest", connected)
	}
	passed := now.Sub(time.Unix(0, began))
	came := r.credit.came.Load()
	return fmt.Sprintf("%.0f s of %v: %d delivered (%.0f/s), %d on their way", passed.Seconds(), r.opts.Duration,
		came, float64(came)/max(passed.Seconds(), 0.001), r.credit.expected.Load()-came)
}
