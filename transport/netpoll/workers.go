package netpoll

import (
	"runtime"
	"sync"
	"time"
)

const (
	// atOnce is how many workers there are for each CPU without asking whether
	// they get on.
	atOnce = 2
	// each is how many Waiters are left to one worker rather than wake another.
	each = 4
	// stuckAfter is how long something may be due before one more worker is
	// started, since those there are may all be waiting for a store.
	stuckAfter = time.Millisecond
	// mostIdle is how many workers wait for work. They have stacks that a new
	// goroutine's would have to grow to.
	mostIdle = 16
)

// workers call Ready. A few of them do for many connections, one after the
// other, which costs less than a goroutine for each; as many as it takes, where
// calls wait.
type workers struct {
	running sync.WaitGroup

	mu      sync.Mutex
	work    sync.Cond // of mu
	due     []Waiter  // first in, first out, from next on
	next    int
	busy    int // workers
	idle    int
	closed  bool
	ticking bool // stuck will be called
	ticker  *time.Timer
}

func newWorkers() *workers {
	w := &workers{}
	w.work.L = &w.mu
	return w
}

// add has the Waiters called.
func (w *workers) add(some ...Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.due)+len(some) > cap(w.due) && w.next > 0 {
		left := copy(w.due, w.due[w.next:])
		clear(w.due[left:])
		w.due, w.next = w.due[:left], 0
	}
	w.due = append(w.due, some...)
	due := len(w.due) - w.next
	for range min(atOnce*runtime.GOMAXPROCS(0), (due+each-1)/each) - w.busy {
		w.more()
	}
	w.watch()
}

// more has one worker more at work. It wants w.mu.
func (w *workers) more() {
	w.busy++
	if w.idle > 0 {
		w.idle--
		w.work.Signal()
		return
	}
	w.running.Go(w.run)
}

// watch looks again in a while if something is due then. It wants w.mu.
func (w *workers) watch() {
	if w.ticking || w.next == len(w.due) || w.closed {
		return
	}
	w.ticking = true
	if w.ticker == nil {
		w.ticker = time.AfterFunc(stuckAfter, w.stuck)
	} else {
		w.ticker.Reset(stuckAfter)
	}
}

// stuck starts one worker more if something is due still.
func (w *workers) stuck() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ticking = false
	if w.next < len(w.due) && !w.closed {
		w.more()
		w.watch()
	}
}

// run is a worker.
func (w *workers) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for w.next < len(w.due) {
			one := w.due[w.next]
			w.due[w.next] = nil
			if w.next++; w.next == len(w.due) {
				w.due, w.next = w.due[:0], 0
			}
			w.mu.Unlock()
			one.Ready()
			w.mu.Lock()
		}
		w.busy--
		if w.closed || w.idle == mostIdle {
			return
		}
		w.idle++
		w.work.Wait() // whoever signals has counted us as busy
	}
}

// close waits for what is at work. What is due is still called.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	w.work.Broadcast()
	w.mu.Unlock()
	w.running.Wait()
}
