package client

import (
	"context"
	"iter"
	"sync"
)

// A Status is how a Client fares.
type Status string

// What there is.
const (
	Connecting   Status = "connecting"   // for the first time
	Connected    Status = "connected"    // and welcomed
	Reconnecting Status = "reconnecting" // the connection was lost, and is tried for again
	Closed       Status = "closed"       // the Client has ended, for good
)

// A State tells how a Client fares, and why.
type State struct {
	Status    Status
	Transport Transport // over what it is Connected; "" while it is not
	// Err tells while it is Connecting or Reconnecting why the last connection
	// or attempt failed, nil before the first one has; and of Closed the same as
	// Client.Err. It is nil while it is Connected.
	Err error
}

// State tells how the client fares now.
func (c *Client) State() State {
	s, _ := c.loop.status.now()
	return s
}

// States iterates over how the client fares: what is now, and then each change,
// a further attempt that failed and a change of transport among them. The last
// one is Closed, unless ctx ends before or the loop is left. Who takes long over
// one is told next how it is then, and not what lay between. Subscriptions need
// none of this: they go on by themselves.
func (c *Client) States(ctx context.Context) iter.Seq[State] {
	return func(yield func(State) bool) {
		for {
			s, changed := c.loop.status.now()
			if !yield(s) || s.Status == Closed {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// A status is a client's State, which the loop sets and anybody looks at.
type status struct {
	mu      sync.Mutex
	state   State
	changed chan struct{} // closed with the next set
}

func newStatus() *status {
	return &status{state: State{Status: Connecting}, changed: make(chan struct{})}
}

// now is the state, and what is closed when there is another one.
func (s *status) now() (State, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.changed
}

func (s *status) set(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	close(s.changed)
	s.changed = make(chan struct{})
}

// interrupted notes that there is no connection, because of err.
func (s *status) interrupted(err error) {
	now, _ := s.now()
	if now.Status != Connecting {
		now.Status = Reconnecting
	}
	s.set(State{Status: now.Status, Err: err})
}
