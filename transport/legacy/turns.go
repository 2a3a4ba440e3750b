package legacy

import (
	"context"
	"sync"
)

// A poller is one of the seed's clients on one channel.
type poller struct{ channel, client string }

// turns keeps a poller's next poll away while the place of the one before is
// still on its way to the store. It knows this gateway's polls only; between
// gateways the seed's pause of 500 ms has to do.
type turns struct {
	mu   sync.Mutex
	busy map[poller]chan struct{} // closed when the turn ends
}

// wait returns when nobody has p's turn. Its error is ctx's.
func (t *turns) wait(ctx context.Context, p poller) error {
	done, err := t.take(ctx, p)
	if err == nil {
		done()
	}
	return err
}

// take waits for p's turn and takes it until done is called. Its error is
// ctx's.
func (t *turns) take(ctx context.Context, p poller) (done func(), err error) {
	for {
		t.mu.Lock()
		other := t.busy[p]
		if other == nil {
			mine := make(chan struct{})
			t.busy[p] = mine
			t.mu.Unlock()
			return func() { t.end(p, mine) }, nil
		}
		t.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *turns) end(p poller, mine chan struct{}) {
	t.mu.Lock()
	delete(t.busy, p)
	t.mu.Unlock()
	close(mine)
}
