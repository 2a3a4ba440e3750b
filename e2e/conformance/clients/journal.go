package clients

import "sync"

// A journal is a list that grows. Its methods may be called from any goroutine.
type journal[T any] struct {
	mu    sync.Mutex
	items []T
	grown chan struct{} // closed when something is added
}

func newJournal[T any]() *journal[T] { return &journal[T]{grown: make(chan struct{})} }

func (j *journal[T]) add(item T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.items = append(j.items, item)
	close(j.grown)
	j.grown = make(chan struct{})
}

// from is what has come from place n on, and a channel that is closed when
// there is more.
func (j *journal[T]) from(n int) ([]T, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.items[min(n, len(j.items)):len(j.items):len(j.items)], j.grown
}

func (j *journal[T]) len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.items)
}
