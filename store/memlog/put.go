package memlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/commchannel/gateway/store"
)

// claim notes for each id which number it will have.
func (v *server) claim(ctx context.Context, rs []*request) error {
	var ops []*op
	var asked []*request
	for _, r := range rs {
		if !r.settled() {
			ops, asked = append(ops, r.claimOp()), append(asked, r)
		}
	}
	if err := v.run(ctx, ops...); err != nil {
		return err
	}
	for i, r := range asked {
		r.claimed = ops[i].got
	}
	return v.store.at("claimed")
}

func (r *request) claimOp() *op {
	return addOp(claimKey(r.name, r.id), 0, claimTTL, []byte(r.own.cursor()))
}

// putOwn puts messages into the slots that they have claimed.
func (v *server) putOwn(ctx context.Context, rs []*request) error {
	var ready []*request
	for _, r := range rs {
		if !r.settled() && r.claimed == done && time.Since(r.allotted) < maxStall {
			r.at = r.own
			ready = append(ready, r)
		}
	}
	return v.put(ctx, ready)
}

// put puts each message into the slot at r.at, and settles those that are
// there then. Behind the slots it reads the heads again: a message that came
// when its epoch had ended is taken back, since readers of the new one would
// never see it.
func (v *server) put(ctx context.Context, rs []*request) error {
	ops := make([]*op, 0, len(rs)+1)
	var keys []string
	head := make(map[string]int)
	for _, r := range rs {
		ops = append(ops, v.slotOp(r))
		if _, ok := head[r.name]; !ok {
			head[r.name] = len(keys)
			keys = append(keys, headKey(r.name))
		}
	}
	if len(rs) == 0 {
		return nil
	}
	heads := getOp(keys...)
	if err := v.run(ctx, append(ops, heads)...); err != nil {
		return err
	}
	var late []*request
	for i, r := range rs {
		if h := heads.items[head[r.name]]; ops[i].got == done && (!h.found || h.flags != r.at.epoch) {
			late = append(late, r)
			continue
		}
		v.stored(r, ops[i])
	}
	if err := v.takeBack(ctx, late); err != nil {
		return err
	}
	return v.store.at("stored")
}

func (v *server) slotOp(r *request) *op {
	value := appendSlot(make([]byte, 0, slotHeader+len(r.id)+len(r.text)), r.at.epoch, r.id, r.text)
	return addOp(slotKey(r.name, r.at.n), flagsMessage, v.store.historySeconds(), value)
}

// stored settles r by the answer to slotOp, where it does.
func (v *server) stored(r *request, o *op) {
	switch o.got {
	case done:
		r.cursor = r.at.cursor()
		r.use()
	case notStored:
		r.use()
	case tooLarge:
		r.err = fmt.Errorf("memlog: message of %d bytes: %w: %s", len(r.text), store.ErrTooLarge, o.words)
	case refused:
		r.err = v.unavailable(fmt.Errorf("%w: %s", errRefused, o.words))
	}
}

// takeBack turns messages into tombstones. A reader may have seen one in the
// instant before; it sees it again, then, behind the gap between the epochs.
func (v *server) takeBack(ctx context.Context, rs []*request) error {
	var ops []*op
	for _, r := range rs {
		r.use()
		o := tombstoneOp(r.name, r.at.n)
		o.cmd = cmdSet
		ops = append(ops, o)
	}
	return v.run(ctx, ops...)
}

// giveBack closes the numbers that nobody has a use for: without that, readers
// would wait for them and tell of a gap. Should it fail, they just do.
func (v *server) giveBack(ctx context.Context, rs []*request) {
	var ops []*op
	for _, r := range rs {
		if r.own.n != 0 && (r.err == nil || errors.Is(r.err, store.ErrTooLarge)) {
			ops = append(ops, addOp(slotKey(r.name, r.own.n), flagsVoid, v.store.historySeconds(), []byte(voidValue)))
		}
	}
	_ = v.run(ctx, ops...)
}

func (s *Store) historySeconds() int64 { return int64(s.cfg.History / time.Second) }
