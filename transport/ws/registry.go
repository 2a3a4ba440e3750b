package ws

import "sync"

// slots is into how many groups the connections are divided. Each tick of the
// walker pings one of them, so that all are pinged once in a round.
const slots = 25

// A registry holds the open connections.
type registry struct {
	mu     sync.Mutex
	closed bool
	slots  [slots][]*conn
	count  int
	next   int // the slot of the next connection
}

// enter counts a connection about to be made in running, unless the registry
// is closed. Both under one mutex: whoever closes it and then waits, waits for
// all.
func (r *registry) enter(running *sync.WaitGroup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	running.Add(1)
	return true
}

// add takes c in. It reports false if that was too late for close to tell of c.
func (r *registry) add(c *conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.slot, c.index = r.next, len(r.slots[r.next])
	r.slots[c.slot] = append(r.slots[c.slot], c)
	r.next = (r.next + 1) % slots
	r.count++
	return !r.closed
}

func (r *registry) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := r.slots[c.slot]
	last := len(slot) - 1
	slot[c.index] = slot[last]
	slot[c.index].index = c.index
	slot[last] = nil
	r.slots[c.slot] = slot[:last]
	r.count--
}

// slot copies a slot.
func (r *registry) slot(i int) []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*conn(nil), r.slots[i]...)
}

// close lets nobody in any more, and returns who is there.
func (r *registry) close() []*conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	all := make([]*conn, 0, r.count)
	for _, slot := range r.slots {
		all = append(all, slot...)
	}
	return all
}

func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}
