package memlog

import (
	"context"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

const (
	// window is how many numbers in a row must be missing for what is kept to
	// end there.
	window = 64
	// ahead is how many slots are read with the head at once, in the hope
	// that there is no more.
	ahead = 16
	// maxFetch bounds the slots that are read in one go.
	maxFetch = 100
	// waitStep is how often a slot is looked at while it is waited for.
	waitStep = time.Millisecond
)

// A reader makes one page.
type reader struct {
	ctx    context.Context
	server *server
	name   string
	limit  int

	head   place
	at     place // the epoch that is read, and the next number
	last   uint64
	got    []slot // of the numbers from at.n on, not yet used
	silent bool   // there is nothing before the first message that could be missing
	cut    bool   // the page ends here, before a gap
	more   bool   // behind what the page holds there is another epoch

	page store.Page
}

// Read returns a page; see store.Store. Where a message is being published, it
// waits for it, at most for the grace time. A page ends before a gap; then a
// hint follows.
func (s *Store) Read(ctx context.Context, channel string, after protocol.Cursor, limit int) (store.Page, error) {
	if err := s.begin(ctx, channel); err != nil {
		return store.Page{}, err
	}
	defer s.calls.Done()
	name := nameOf(channel)
	r := &reader{ctx: ctx, server: s.server(name), name: name, limit: limit}
	if err := r.read(after); err != nil {
		return store.Page{}, err
	}
	if r.cut || r.more {
		r.server.hint(name)
	}
	return r.page, nil
}

func (r *reader) read(after protocol.Cursor) error {
	at, known := parsePlace(after)
	var err error
	if r.head, r.got, err = r.server.look(r.ctx, r.name, r.guess(at, known)); err != nil {
		return err
	}
	if err := r.server.store.at("looked"); err != nil {
		return err
	}
	switch {
	case after == "":
		r.silent = true
		err = r.toOldest(0)
	case !known:
		err = r.leap(0)
	case at.epoch != r.head.epoch:
		err = r.drain(at)
	case at.n > r.head.n:
		err = r.leap(0) // nobody can have seen that
	default:
		r.at, r.last = place{at.epoch, at.n + 1}, r.head.n
	}
	if err != nil {
		return err
	}
	return r.fill()
}

// guess is which slots to read with the head.
func (r *reader) guess(at place, known bool) []uint64 {
	if !known {
		return nil
	}
	numbers := make([]uint64, min(ahead, r.limit))
	for i := range numbers {
		numbers[i] = at.n + 1 + uint64(i)
	}
	return numbers
}

// fill takes messages from at on, up to last.
func (r *reader) fill() error {
	for len(r.page.Messages) < r.limit && r.at.n <= r.last && !r.cut {
		if len(r.got) == 0 {
			if err := r.fetch(); err != nil {
				return err
			}
		}
		var err error
		switch s := r.got[0]; s.kind {
		case slotMissing:
			err = r.await()
		case slotLost:
			r.passLost()
		case slotVoid:
			r.pass()
		case slotMessage:
			r.take(s)
		}
		if err != nil {
			return err
		}
	}
	if n := len(r.page.Messages); n > 0 {
		r.page.Cursor = r.page.Messages[n-1].Cursor
	} else {
		r.page.Cursor = place{r.at.epoch, r.at.n - 1}.cursor()
	}
	return nil
}

func (r *reader) fetch() (err error) {
	count := min(maxFetch, r.limit-len(r.page.Messages)+1)
	if left := r.last - r.at.n + 1; left < uint64(count) {
		count = int(left)
	}
	r.got, err = r.server.slots(r.ctx, r.name, r.at.n, count)
	return err
}

// pass goes on to the next number.
func (r *reader) pass() {
	r.at.n++
	r.got = r.got[1:]
}

func (r *reader) take(s slot) {
	if s.epoch != r.at.epoch { // it does not belong here, and what does is not known
		r.passLost()
		return
	}
	r.page.Messages = append(r.page.Messages, store.Message{
		ID: s.id, Text: s.text, Time: protocol.MessageTime(s.id), Cursor: r.at.cursor(),
	})
	r.pass()
}

// passLost passes a number that may have been a message. A gap stands at the
// beginning of a page, or not at all.
func (r *reader) passLost() {
	if len(r.page.Messages) > 0 {
		r.cut = true
		return
	}
	r.page.Gap = !r.silent
	r.pass()
}

// await waits for the slot at at.n, for the grace time. Then it closes it, and
// with it those behind it that were missing for as long.
func (r *reader) await() error {
	if r.missing() == len(r.got) { // more may be
		if err := r.lookAhead(); err != nil {
			return err
		}
	}
	count := r.missing()
	if there, err := r.wait(); err != nil || there {
		return err
	}
	if err := r.lookAhead(); err != nil {
		return err
	}
	count = min(count, r.missing())
	if count == window && !r.silent {
		if len(r.page.Messages) > 0 {
			r.cut = true // the next page leaps
			return nil
		}
		return r.leap(r.at.n + window)
	}
	return r.closeSlots(count)
}

// lookAhead reads a window of slots from at.n on.
func (r *reader) lookAhead() (err error) {
	r.got, err = r.server.slots(r.ctx, r.name, r.at.n, int(min(window, r.last-r.at.n+1)))
	return err
}

// missing counts the slots that are missing from at.n on, of those got.
func (r *reader) missing() int {
	for i, s := range r.got {
		if s.kind != slotMissing {
			return i
		}
	}
	return len(r.got)
}

// wait reads the slot at at.n again and again, until it is there or the grace
// time is over.
func (r *reader) wait() (there bool, err error) {
	s := r.server.store
	deadline := time.Now().Add(s.cfg.Grace)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for time.Now().Before(deadline) {
		select {
		case <-timer.C:
		case <-r.ctx.Done():
			return false, r.ctx.Err()
		case <-s.stop:
			return false, store.ErrClosed
		}
		if r.got, err = r.server.slots(r.ctx, r.name, r.at.n, 1); err != nil {
			return false, err
		}
		if r.got[0].kind != slotMissing {
			return true, nil
		}
		timer.Reset(waitStep)
	}
	return false, s.at("waited")
}

// closeSlots puts tombstones into count slots from at.n on that are missing,
// and forgets what was read of them: a message may have come first.
func (r *reader) closeSlots(count int) error {
	var ops []*op
	for i := range count {
		if r.got[i].kind == slotMissing {
			ops = append(ops, tombstoneOp(r.name, r.at.n+uint64(i)))
		}
	}
	r.got = nil
	if err := r.server.run(r.ctx, ops...); err != nil {
		return err
	}
	for _, o := range ops {
		if o.got == refused {
			return r.server.unavailable(errRefused)
		}
	}
	return r.server.store.at("closed")
}
