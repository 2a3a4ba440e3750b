package memcache

import (
	"context"
	"errors"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/store"
)

// change has apply change a channel's document, of size bytes about, and waits
// until that is written. Changes of one channel are made in the order in which
// they came, and many of them in one write. Whoever's ctx ends leaves alone;
// but once its change is being written, what comes of that is the result.
func (s *Store) change(ctx context.Context, channel string, size int, apply func(d *document)) error {
	c := &change{ctx: ctx, apply: apply, size: size, begun: s.cfg.Clock(), result: make(chan error, 1)}
	q, first := s.queues.enter(channel, c)
	if first {
		s.writeNext(q, false) // mostly that is all, and a goroutine would cost more
		if s.queues.goesOn(q) {
			s.done.Go(func() { s.write(q) })
		}
	}
	select {
	case err := <-c.result:
		return err
	case <-ctx.Done():
		if s.queues.leave(q, c) {
			return ctx.Err()
		}
		return <-c.result
	}
}

// write is the goroutine that writes a channel's changes while there are any.
func (s *Store) write(q *queue) {
	for s.queues.goesOn(q) {
		s.writeNext(q, true)
	}
}

// writeNext writes the next changes under the lock. Unless it is to wait, it
// does nothing where another writer holds that.
func (s *Store) writeNext(q *queue, wait bool) {
	since, ok := s.lock(q, wait)
	if !ok {
		return
	}
	batch, written, err := s.commit(q, since)
	s.unlock(q.channel, since)
	if !written && err == nil {
		s.queues.putBack(q, batch)
		return
	}
	for _, c := range batch {
		c.result <- err
	}
}

// commit reads the document, makes the next changes and writes it, all under
// the lock. Where neither written nor err tells what became of the batch, all
// is to be done again: the document changed in between, the lock grew old, or
// the batch must be a smaller one.
func (s *Store) commit(q *queue, since time.Time) (batch []*change, written bool, err error) {
	item, err := s.server.get(s.key(q.channel))
	if err != nil {
		return s.queues.takeAll(q), false, err
	}
	d, err := unpack(item)
	if err != nil {
		return s.queues.takeAll(q), false, err
	}
	batch = s.queues.take(q) // not before: more have come while memcached was asked
	d = d.pruned(s.cfg.Clock())
	for _, c := range batch {
		c.apply(d)
	}
	if !d.changed {
		return batch, true, nil
	}
	written, err = s.replace(q.channel, item, d.text(), since)
	switch {
	case errors.Is(err, store.ErrTooLarge) && len(batch) > 1:
		// Most likely the largest is too large: first those before it go, then
		// it alone. Where it fails, the next one goes alone as well, as the
		// channel may be full.
		q.limit, err = max(1, largest(batch)), nil
	case written:
		q.limit = maxBatch
	}
	return batch, written, err
}

// replace writes a document in place of the item that was read, nil for none.
// written is false where that is no longer there, or the lock grew old.
func (s *Store) replace(channel string, was *memcache.Item, text []byte, since time.Time) (written bool, err error) {
	next := memcache.Item{Key: s.key(channel), Expiration: ttl}
	if err := s.packer.pack(&next, text); err != nil {
		return false, err
	}
	if s.cfg.Clock().Sub(since) >= lockGood {
		return false, nil
	}
	if was == nil {
		return s.server.add(&next)
	}
	next.CasID = was.CasID
	return s.server.swap(&next)
}

// largest is the index of the first of the largest changes.
func largest(batch []*change) int {
	at := 0
	for i, c := range batch {
		if c.size > batch[at].size {
			at = i
		}
	}
	return at
}
