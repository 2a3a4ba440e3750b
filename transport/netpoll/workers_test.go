package netpoll

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// count is how many workers there are, and how many of them are idle.
func (w *workers) count() (busy, idle, due int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy, w.idle, len(w.due) - w.next
}

// eventually waits for what nobody announces.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it did not come about")
		case <-tick.C:
		}
	}
}

// TestWorkersThatWait: however many calls wait, the others are not kept from
// theirs, and in the end few workers stay.
func TestWorkersThatWait(t *testing.T) {
	w := newWorkers()
	many := atOnce*runtime.GOMAXPROCS(0) + 3*mostIdle
	leave := make(chan struct{})
	var entered, left sync.WaitGroup
	entered.Add(many)
	left.Add(many)
	for range many {
		w.add(waiter(func() {
			entered.Done()
			<-leave
			left.Done()
		}))
	}
	entered.Wait() // each is at work, though none has come to its end
	called := make(chan struct{})
	w.add(waiter(func() { close(called) }))
	<-called
	close(leave)
	left.Wait()
	eventually(t, func() bool {
		busy, idle, due := w.count()
		return busy == 0 && idle <= mostIdle && due == 0
	})
	w.close()
}

// TestEachIsCalledOnce: calls that don't wait, added in bulk and one by one.
func TestEachIsCalledOnce(t *testing.T) {
	w := newWorkers()
	const many = 10_000
	calls := make([]atomic.Int32, many)
	var done sync.WaitGroup
	done.Add(many)
	all := make([]Waiter, many)
	for i := range all {
		all[i] = waiter(func() { calls[i].Add(1); done.Done() })
	}
	for size := 1; len(all) > 0; size = size%100 + 1 {
		n := min(size, len(all))
		w.add(all[:n]...)
		all = all[n:]
	}
	done.Wait()
	w.close()
	for i := range calls {
		if n := calls[i].Load(); n != 1 {
			t.Errorf("call %d: got %d, want 1", i, n)
		}
	}
}

// TestAddWhileWorking: from within calls, and from many sides.
func TestAddWhileWorking(t *testing.T) {
	w := newWorkers()
	var done sync.WaitGroup
	const sides, depth = 50, 100
	done.Add(sides * depth)
	var again func(left int) waiter
	again = func(left int) waiter {
		return func() {
			if left > 1 {
				w.add(again(left - 1))
			}
			done.Done()
		}
	}
	for range sides {
		go w.add(again(depth))
	}
	done.Wait()
	w.close()
	if busy, _, due := w.count(); busy > 0 || due > 0 {
		t.Errorf("got %d busy and %d due at the end", busy, due)
	}
}
