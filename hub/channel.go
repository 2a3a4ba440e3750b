package hub

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// readLimit is how many messages a channel reads from the store at once.
const readLimit = 256

// Waits between tries while the store can't be read.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// A channel is one channel in use: its log, and who reads it.
type channel struct {
	// static
	hub     *Hub
	name    string
	format  protocol.Format
	ctx     context.Context // ends with stop, or with the hub's
	stop    context.CancelFunc
	hints   chan struct{} // one at most: somebody here knows of something new
	started chan struct{} // closed once log and end are there, or startErr is

	startErr error           // set before started is closed
	watch    <-chan struct{} // the store's hints; as startErr

	// guarded by hub.mu
	users       int
	unusedSince time.Time

	// guarded by turn, which who reads the store and sweeps holds: run, or a
	// publisher. It is held from the beginning until start has ended.
	turn    sync.Mutex
	over    bool      // nobody may take a turn any more
	resting time.Time // no sweep is to begin before
	text    []byte    // a frame's JSON
	framed  []byte    // the same with its header
	seen    senders   // of the messages that the next sweep shows
	sweeper sweeper

	// guarded by mu
	mu        sync.Mutex
	log       log
	twin      twin
	end       protocol.Cursor // the store was read up to here
	subs      []*subscriber
	listeners []*Listener
	room      *room          // nil where no presence is kept; the pointer is static
	syncs     []chan<- error // want to know when the store was read to its end
}

func newChannel(h *Hub, name string) *channel {
	ctx, stop := context.WithCancel(h.ctx)
	c := &channel{
		hub: h, name: name, format: h.Format(name), ctx: ctx, stop: stop,
		hints: make(chan struct{}, 1), started: make(chan struct{}),
	}
	if h.KeepsPresence(name) {
		c.room = newRoom(c)
	}
	c.turn.Lock()
	return c
}

// hint tells run that there may be something new.
func (c *channel) hint() {
	select {
	case c.hints <- struct{}{}:
	default:
	}
}

// run is the channel's goroutine.
func (c *channel) run() {
	defer c.stop()
	c.watch = c.hub.cfg.Store.Watch(c.ctx, c.name) // before Tail: what comes between is hinted at
	c.startErr = c.start()
	c.over = c.startErr != nil
	c.turn.Unlock()
	if c.over {
		c.hub.forget(c)
		close(c.started)
		return
	}
	close(c.started)

	var retry <-chan time.Time // nil while the store is well
	wait := firstRetry
	for {
		select {
		case <-c.ctx.Done():
			c.finish()
			return
		case <-c.watch:
		case <-c.hints:
		case <-retry:
		}
		c.rest()
		if err := c.catchUp(); err == nil {
			retry, wait = nil, firstRetry
			continue
		} else if c.ctx.Err() == nil && retry == nil {
			c.hub.cfg.Log.Warn().Err(err).Str("channel", c.name).Msg("store can't be read, trying again")
		}
		retry = time.After(wait)
		wait = min(2*wait, lastRetry)
	}
}

// finish lets nobody take a turn any more, nor wait for one.
func (c *channel) finish() {
	c.turn.Lock()
	c.over = true
	c.turn.Unlock()
	c.endSyncs(c.takeSyncs(), store.ErrClosed)
}

func (c *channel) start() error {
	ctx, cancel := context.WithTimeout(c.ctx, c.hub.cfg.StoreTimeout)
	defer cancel()
	end, err := c.hub.cfg.Store.Tail(ctx, c.name)
	if err != nil {
		return fmt.Errorf("hub: end of %q: %w", c.name, err)
	}
	cfg := &c.hub.cfg
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = end
	c.log = newLog(bounds{int64(cfg.LogBytes), cfg.LogCount, cfg.LogAge}, end)
	return nil
}

// catchUp reads the store to its end and sweeps.
func (c *channel) catchUp() (err error) {
	c.turn.Lock()
	defer c.turn.Unlock()
	syncs := c.takeSyncs()
	defer func() { c.endSyncs(syncs, err) }()
	for more := true; more; {
		if more, err = c.readOn(); err != nil {
			return err
		}
	}
	if c.ctx.Err() != nil {
		return store.ErrClosed
	}
	return nil
}

// readOn reads a page and sweeps, and reports whether there may be more. It
// wants the turn.
func (c *channel) readOn() (more bool, err error) {
	page, err := c.readPage()
	if err != nil {
		return false, err
	}
	c.take(page)
	return len(page.Messages) == readLimit && c.ctx.Err() == nil, nil
}

func (c *channel) readPage() (store.Page, error) {
	ctx := c.ctx
	if c.hub.near == nil { // whose calls need no bound
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.hub.cfg.StoreTimeout)
		defer cancel()
	}
	return c.hub.cfg.Store.Read(ctx, c.name, c.end, readLimit) // end changes in a turn only
}

// take appends a page to the log and lets everybody see it.
func (c *channel) take(page store.Page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(page.Messages) == 0 && !page.Gap {
		c.end = page.Cursor // the same place, perhaps in newer words
		return
	}
	now := time.Now()
	c.seen.reset()
	if page.Gap {
		c.appendGap(page, now)
	}
	for i := range page.Messages {
		c.appendMessage(&page.Messages[i], now)
	}
	c.end = page.Cursor
	if c.room != nil {
		c.room.tell() // who has joined is told of before it is heard
	}
	c.sweeper.sweep(c)
	c.restAfter(now, time.Now())
	for _, l := range c.listeners {
		l.wakeUp()
	}
}

// appendGap tells of a gap in front of page. A client that comes back with
// the gap's cursor must not pass over the messages behind it: where there are
// some, it is the place in front of the gap.
func (c *channel) appendGap(page store.Page, now time.Time) {
	f := protocol.ServerFrame{Op: protocol.OpGap, Channel: c.name, Cursor: c.end}
	e := entry{at: now}
	if len(page.Messages) == 0 {
		f.Cursor, e.cursor = page.Cursor, page.Cursor
	}
	c.append(&f, e)
}

func (c *channel) appendMessage(m *store.Message, now time.Time) {
	f := c.frame(m)
	c.append(&f, entry{cursor: m.Cursor, from: f.From, at: now})
	c.seen.add(f.From, c.log.newestSpan(), c.twin.newestSpan())
}

func (c *channel) append(f *protocol.ServerFrame, e entry) {
	c.text = f.Append(c.text[:0])
	c.framed = c.hub.cfg.Codec.Frame(c.framed[:0], c.text)
	c.log.append(c.framed, len(c.text), e)
	if c.twin.log != nil {
		c.framed = c.hub.packer.Pack(c.framed[:0], c.text)
		c.twin.log.append(c.framed, 0, e)
	}
}

// frame is m as subscribers get it.
func (c *channel) frame(m *store.Message) protocol.ServerFrame {
	e := c.format.Parse(m.Text)
	return protocol.ServerFrame{
		Op: protocol.OpMessage, Channel: c.name, Cursor: m.Cursor, ID: cmp.Or(e.ID, m.ID), Time: m.Time,
		Type: e.Type, From: e.From, Payload: e.Payload, ReplyTo: e.ReplyTo,
	}
}

// find is the log's place behind the message at cursor. It wants c.mu.
func (c *channel) find(cursor protocol.Cursor) (place, bool) {
	if cursor == c.end {
		return c.log.head(), true
	}
	return c.log.find(cursor)
}

func (c *channel) trim(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.log.last != nil {
		c.log.trim(now)
	}
	if c.twin.log != nil {
		c.twin.log.trim(now)
	}
}

// sync waits until everything was read that was in the store when it was
// called.
func (c *channel) sync(ctx context.Context) error {
	done := make(chan error, 1)
	c.mu.Lock()
	c.syncs = append(c.syncs, done)
	c.mu.Unlock()
	c.hint()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return store.ErrClosed
	}
}

func (c *channel) takeSyncs() []chan<- error {
	c.mu.Lock()
	defer c.mu.Unlock()
	syncs := c.syncs
	c.syncs = nil
	return syncs
}

func (c *channel) endSyncs(syncs []chan<- error, err error) {
	for _, done := range syncs {
		done <- err
	}
}
