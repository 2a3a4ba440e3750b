package memlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// resolveTries bounds how often a message looks for a place.
const resolveTries = 20

var (
	errRefused = errors.New("refused")
	errNoPlace = errors.New("no place was found for the message")
)

// resolve settles a request whose way is not straight: its id is claimed
// already, or its number was closed before the message came.
//
// A claim names the one number under which the id may be. Whoever wants to
// publish the id puts the message there, be the claim his own, another
// gateway's, or that of a process that has ended. Only where that number holds
// something else for good, the claim moves on to another number, by cas. So
// there is one message at the end, whoever tries, and however often.
func (v *server) resolve(ctx context.Context, r *request) {
	r.claim = claimMade
	for range resolveTries {
		if err := v.resolveOnce(ctx, r); err != nil {
			r.fail(err)
		}
		if r.settled() {
			return
		}
	}
	r.err = v.unavailable(errNoPlace)
}

func (v *server) resolveOnce(ctx context.Context, r *request) error {
	claim, head, err := v.findClaim(ctx, r)
	if err != nil {
		return err
	}
	if !claim.found {
		if err := v.needNumber(ctx, r); err != nil {
			return err
		}
		// And look who has won.
		return v.changeClaim(ctx, addOp(r.claimKey, 0, claimTTL, []byte(r.own.cursor())))
	}
	p, ok := parsePlace(protocol.Cursor(claim.value))
	if ok && p.n != 0 {
		r.at = p
		open, err := v.enter(ctx, r, head.found && head.flags == p.epoch)
		if err != nil || r.settled() || open {
			return err
		}
	}
	if err := v.needNumber(ctx, r); err != nil {
		return err
	}
	return v.changeClaim(ctx, moveOp(r, claim.cas)) // unless another has moved it meanwhile
}

// findClaim reads the claim of r's id, and the head. Where the claim was made by
// guess, whoever made it is about to name his number: he has the grace time for
// that, as he has it for his message with readers.
func (v *server) findClaim(ctx context.Context, r *request) (claim, head item, err error) {
	for {
		get := getOp(r.claimKey, r.headKey)
		if err := v.run(ctx, get); err != nil {
			return item{}, item{}, err
		}
		claim, head = get.items[0], get.items[1]
		p, ok := parsePlace(protocol.Cursor(claim.value))
		if !ok || p.epoch != guessEpoch || time.Since(r.since) > v.store.cfg.Grace {
			return claim, head, nil
		}
		select {
		case <-time.After(waitStep):
		case <-v.store.stop:
			return item{}, item{}, store.ErrClosed
		}
	}
}

func (v *server) changeClaim(ctx context.Context, change *op) error {
	if err := v.run(ctx, change); err != nil {
		return err
	}
	if change.got == refused || change.got == tooLarge {
		return v.unavailable(fmt.Errorf("%w: %s", errRefused, change.words))
	}
	return v.store.at("claimed")
}

// enter settles r at the place its id is claimed for: it is there, or is put
// there if the place is current. Where neither can be, open tells whether to
// look again.
func (v *server) enter(ctx context.Context, r *request, current bool) (open bool, err error) {
	if r.at == r.own && !r.usable() {
		current = false
	}
	if current {
		r.step = stepPut
		if v.exchange(ctx, []*request{r}); r.settled() {
			return false, r.err
		}
	} else if err := v.run(ctx, tombstoneOp(r.name, r.at.n)); err != nil {
		return false, err // whoever claimed it must not use it any more
	}
	slots, err := v.slots(ctx, r.name, r.at.n, 1)
	if err != nil {
		return false, err
	}
	r.use()
	if s := slots[0]; s.kind == slotMessage && s.id == r.id {
		r.cursor = place{s.epoch, r.at.n}.cursor()
	}
	return slots[0].kind == slotMissing, nil // it has ended just now
}

// needNumber has a number given to r, unless it has one that can be used.
func (v *server) needNumber(ctx context.Context, r *request) error {
	if r.usable() {
		return nil
	}
	r.own, r.step, r.tries = place{}, stepCount, 0
	for r.own.n == 0 && !r.settled() {
		v.exchange(ctx, []*request{r})
	}
	return r.err
}

// tombstoneOp closes a number.
func tombstoneOp(name string, n uint64) *op {
	return addOp(slotKey(name, n), flagsTombstone, tombstoneTTL, []byte(tombstoneValue))
}
