package hub

import (
	"context"
	"sync"
	"time"
)

// A delay does something with each thing it was given, a fixed time after it
// was given it, in one goroutine for all of them.
type delay[T any] struct {
	// static
	by   time.Duration
	do   func(T) // called by run, with no mutex held
	wake chan struct{}

	// guarded by mu, which is taken last of all
	mu    sync.Mutex
	queue []due[T] // in the order of time
}

type due[T any] struct {
	at   time.Time
	what T
}

func newDelay[T any](by time.Duration, do func(T)) *delay[T] {
	return &delay[T]{by: by, do: do, wake: make(chan struct{}, 1)}
}

// add gives what to run. It does not wait, and may be called from any
// goroutine.
func (d *delay[T]) add(what T) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(d.queue, due[T]{time.Now().Add(d.by), what})
	if len(d.queue) == 1 {
		select {
		case d.wake <- struct{}{}:
		default: // it has not yet seen that the queue was empty
		}
	}
}

// run does what is due, until ctx ends. It is called once.
func (d *delay[T]) run(ctx context.Context) {
	var timer <-chan time.Time // nil while nothing waits
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer:
		}
		what, wait, ok := d.next()
		for ; ok; what, wait, ok = d.next() {
			d.do(what)
		}
		if timer = nil; wait > 0 {
			timer = time.After(wait)
		}
	}
}

// next takes what is due; with nothing due it tells how long to wait for it,
// 0 if there is nothing to wait for.
func (d *delay[T]) next() (what T, wait time.Duration, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		d.queue = nil // with all that it has grown to
		return what, 0, false
	}
	if wait = time.Until(d.queue[0].at); wait > 0 {
		return what, wait, false
	}
	what = d.queue[0].what
	d.queue[0] = due[T]{}
	d.queue = d.queue[1:]
	return what, 0, true
}
