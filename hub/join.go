package hub

import (
	"context"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// backlogBound is how many bytes of messages from before the log a reader may
// be given: 8 MiB of their texts. Older ones count as a gap.
const backlogBound = 8 << 20

// A wish tells where a reader wants to begin; the zero wish is from now on.
type wish struct {
	since   protocol.Cursor
	history int
}

// A start tells where a reader begins: with the messages of backlog, then at
// a place in the log.
type start struct {
	cursor    protocol.Cursor
	recovered *bool // nil where no place was asked for
	backlog   []store.Message
	at        place
}

// join finds the place that w wishes for and calls enter with it, under c.mu,
// so that nothing comes between.
func (c *channel) join(ctx context.Context, w wish, enter func(start) error) error {
	if entered, err := c.joinLog(w, enter); entered {
		return err
	}
	// The log does not go back that far, or not yet as far as another node's.
	ctx, cancel := context.WithTimeout(ctx, c.hub.cfg.StoreTimeout)
	defer cancel()
	if err := c.sync(ctx); err != nil {
		return err
	}
	if entered, err := c.joinLog(w, enter); entered {
		return err
	}
	return c.joinStore(ctx, w, enter)
}

// joinLog joins at a place that the log has.
func (c *channel) joinLog(w wish, enter func(start) error) (entered bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := start{cursor: c.end, at: c.log.head()}
	found := true
	switch {
	case w.since != "":
		st.cursor = w.since
		st.recovered = new(true)
		st.at, found = c.find(w.since)
	case w.history > 0:
		st.at, found = c.log.newest(w.history)
	}
	if !found {
		return false, nil
	}
	return true, enter(st)
}

// joinTries is how often a reader tries to get from the store's messages to
// the log's, while the log is trimmed as fast as the store is read.
const joinTries = 8

// joinStore reads from the store what comes before the log.
func (c *channel) joinStore(ctx context.Context, w wish, enter func(start) error) error {
	b := backlog{wish: w, page: store.Page{Cursor: w.since}}
	for try := 1; ; try++ {
		c.mu.Lock()
		head := c.log.head()
		c.mu.Unlock()
		if err := b.read(ctx, c); err != nil {
			return err
		}
		if err := c.sync(ctx); err != nil {
			return err
		}
		if entered, err := c.joinBacklog(&b, head, try == joinTries, enter); entered {
			return err
		}
	}
}

// joinBacklog joins where the log goes on from b. Everything up to head was
// in the store before b was read, and the log by now has everything that b
// read: so b's last message is in the log, or directly in front of it, unless
// the log was trimmed meanwhile. As a last resort that is a gap.
func (c *channel) joinBacklog(b *backlog, head place, last bool, enter func(start) error) (entered bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := start{cursor: c.end, backlog: b.page.Messages, at: head}
	joined := true
	if n := len(b.page.Messages); n > 0 {
		st.at, joined = c.find(b.page.Messages[n-1].Cursor)
	}
	if joined = joined && st.at.off >= c.log.oldest().off; !joined {
		if !last {
			return false, nil
		}
		st.at = c.log.oldest()
	}
	if b.since != "" {
		st.recovered = new(joined && !b.page.Gap)
		st.cursor = b.since
		if b.page.Gap && len(b.page.Messages) == 0 {
			st.cursor = b.page.Cursor
		}
	}
	return true, enter(st)
}

// A backlog is what was read from the store for a wish.
type backlog struct {
	wish
	page store.Page
	size int // bytes of texts
}

// read reads on to the store's end: everything after b.since, or the newest
// b.history messages.
func (b *backlog) read(ctx context.Context, c *channel) error {
	for {
		page, err := c.hub.cfg.Store.Read(ctx, c.name, b.page.Cursor, readLimit)
		if err != nil {
			return err
		}
		b.page.Gap = b.page.Gap || page.Gap
		b.page.Cursor = page.Cursor
		for _, m := range page.Messages {
			b.size += len(m.Text)
		}
		b.page.Messages = append(b.page.Messages, page.Messages...)
		b.trim()
		if len(page.Messages) < readLimit {
			return nil
		}
	}
}

func (b *backlog) trim() {
	for b.size > backlogBound || b.since == "" && len(b.page.Messages) > b.history {
		b.page.Gap = b.page.Gap || b.since != ""
		b.size -= len(b.page.Messages[0].Text)
		b.page.Messages = b.page.Messages[1:]
	}
}
