package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// A journal is a list that grows while tests wait for what comes. Its methods
// may be called from any goroutine.
type journal[T any] struct {
	mu    sync.Mutex
	items []T
	grown chan struct{} // closed when something was added; nil: nobody waits
}

func (j *journal[T]) add(items ...T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.items = append(j.items, items...)
	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

// all is what has come so far.
func (j *journal[T]) all() []T {
	items, _ := j.look()
	return items
}

func (j *journal[T]) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.items)
}

// look is what has come so far, and a channel that is closed when there is
// more.
func (j *journal[T]) look() ([]T, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.grown == nil {
		j.grown = make(chan struct{})
	}
	return slices.Clip(j.items), j.grown
}

// find waits for the first item from place from on that is right, and returns
// it with its place. Its error tells that none came within patience.
func (j *journal[T]) find(what string, from int, right func(T) bool) (T, int, error) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for next := from; ; {
		items, grown := j.look()
		for ; next < len(items); next++ {
			if right(items[next]) {
				return items[next], next, nil
			}
		}
		select {
		case <-grown:
		case <-deadline.C:
			last := items[max(min(from, len(items)), len(items)-5):]
			var none T
			return none, next, fmt.Errorf("%s did not come within %v; what came last: %.1000s", what, patience, fmt.Sprintf("%+v", last))
		}
	}
}

// first is find for the test's goroutine.
func (j *journal[T]) first(t *testing.T, what string, from int, right func(T) bool) (T, int) {
	t.Helper()
	item, at, err := j.find(what, from, right)
	if err != nil {
		t.Fatal(err)
	}
	return item, at
}

// atLeast waits until n items have come, and returns them all.
func (j *journal[T]) atLeast(t *testing.T, what string, n int) []T {
	t.Helper()
	if n > 0 {
		count := 0
		j.first(t, what, 0, func(T) bool { count++; return count == n })
	}
	return j.all()
}
