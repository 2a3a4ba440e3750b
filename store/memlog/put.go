package memlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/commchannel/gateway/store"
)

// appendPut appends what puts r into the slot at r.at. A claim made by guess is
// made one as all others before: from then on, whoever finds it may put the
// message there. Should it be moved meanwhile, the slot is closed, too.
func (v *server) appendPut(ops []*op, r *request) []*op {
	if r.claim == claimGuessed {
		ops = append(ops, r.claimOwn())
	}
	value := appendSlot(make([]byte, 0, slotHeader+len(r.id)+len(r.text)), r.at.epoch, r.id, r.text)
	r.op = *addOp(slotKey(r.name, r.at.n), flagsMessage, v.store.historySeconds(), value)
	return append(ops, &r.op)
}

// stored settles requests whose message is in the slot at r.at now. One that
// came when its epoch had ended, as the heads tell that were read behind it, is
// taken back: readers of the new epoch would never see it.
func (v *server) stored(ctx context.Context, rs []*request, looks *looks) {
	var late []*request
	for i, r := range rs {
		h := looks.item(r.look)
		if i == 0 || rs[i-1].look != r.look {
			v.learn(r.name, h)
		}
		if r.op.got == done && (!h.found || h.flags != r.at.epoch) {
			late = append(late, r)
			continue
		}
		v.storedOne(r)
	}
	if err := v.takeBack(ctx, late); err != nil {
		failAll(rs, err)
	}
}

// storedOne settles r by what came of its slot, where that does.
func (v *server) storedOne(r *request) {
	switch o := &r.op; o.got {
	case done:
		r.cursor = r.at.cursor()
		r.use()
	case notStored:
		r.use()
		r.step = stepAstray
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
		r.step = stepAstray
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
