package hub

import (
	"context"
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A nearStore is in this process: its calls don't wait for anything but a
// mutex. With one, who publishes may deliver the message, too.
type nearStore interface {
	store.Store
	// AppendUnheard is Append, but does not hint at watch, which Watch gave
	// for the same channel: its reader hears of the message otherwise.
	AppendUnheard(ctx context.Context, channel string, m store.Message, watch <-chan struct{}) (protocol.Cursor, error)
}

// Publish appends m to channel and returns its place, once the store has it.
// Subscribers of this hub are told at once: some may have m before Publish
// returns, others after. It waits for the store until ctx ends, and for
// Config.StoreTimeout at most. The errors are the store's.
func (h *Hub) Publish(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	c := h.find(channel)
	if c != nil && c.takeTurn(time.Now()) {
		defer c.turn.Unlock()
		return c.publish(ctx, m)
	}
	if h.near == nil { // whose calls need no bound
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.cfg.StoreTimeout)
		defer cancel()
	}
	cursor, err := h.cfg.Store.Append(ctx, channel, m)
	if err != nil {
		return "", publishError(err)
	}
	if c != nil {
		c.hint()
	}
	return cursor, nil
}

func publishError(err error) error { return fmt.Errorf("hub: publish: %w", err) }

// find is the channel of that name, or nil if it is not in use.
func (h *Hub) find(name string) *channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.channels[name]
}

// takeTurn takes the turn for a publisher, where it is free and the delivery
// keeps it up for a moment only. Otherwise run delivers: what comes faster
// than it is swept, in few writes for many messages.
func (c *channel) takeTurn(now time.Time) bool {
	if c.hub.near == nil || !c.turn.TryLock() {
		return false
	}
	if c.over || now.Before(c.resting) || c.subscribers() > inline {
		c.turn.Unlock()
		return false
	}
	return true
}

func (c *channel) subscribers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.subs)
}

// publish appends and delivers m. It wants the turn.
func (c *channel) publish(ctx context.Context, m store.Message) (protocol.Cursor, error) {
	cursor, err := c.hub.near.AppendUnheard(ctx, c.name, m, c.watch)
	if err != nil {
		return "", publishError(err)
	}
	if more, err := c.readOn(); more || err != nil {
		c.hint() // run reads on, or tries again and says why not
	}
	return cursor, nil
}

// Bounds of a channel's rest.
const (
	leastRest = 200 * time.Microsecond // less is not worth a timer
	mostRest  = 10 * time.Millisecond
)

// restAfter notes a sweep. Where messages come faster than they are swept,
// a channel rests for as long as it has swept, so that the next sweep has
// more of them to carry: a write costs much the same, whatever is in it. It
// wants the turn.
func (c *channel) restAfter(begin, end time.Time) {
	c.resting = end.Add(min(end.Sub(begin), mostRest))
	if next := begin.Add(c.hub.cfg.Pause); next.After(c.resting) {
		c.resting = next
	}
}

// rest waits until the next sweep may begin, or somebody waits for it.
func (c *channel) rest() {
	c.turn.Lock()
	wait := time.Until(c.resting)
	c.turn.Unlock()
	if wait < leastRest {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !c.awaited() {
		select {
		case <-timer.C:
			return
		case <-c.ctx.Done():
			return
		case <-c.hints: // perhaps of a sync; all else can wait
		}
	}
}

// awaited reports whether somebody waits for the store to be read.
func (c *channel) awaited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.syncs) > 0
}
