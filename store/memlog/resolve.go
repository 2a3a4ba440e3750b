package memlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
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
	for range resolveTries {
		if err := v.resolveOnce(ctx, r); err != nil && !r.settled() {
			r.err = err
		}
		if r.settled() {
			return
		}
	}
	r.err = v.unavailable(errNoPlace)
}

func (v *server) resolveOnce(ctx context.Context, r *request) error {
	get := getOp(claimKey(r.name, r.id), headKey(r.name))
	if err := v.run(ctx, get); err != nil {
		return err
	}
	claim, head := get.items[0], get.items[1]
	if !claim.found {
		if err := v.needNumber(ctx, r); err != nil {
			return err
		}
		return v.claim(ctx, []*request{r}) // and look who has won
	}
	p, ok := parsePlace(protocol.Cursor(claim.value))
	if ok {
		r.at = p
		open, err := v.enter(ctx, r, head.found && head.flags == p.epoch)
		if err != nil || r.settled() || open {
			return err
		}
	}
	return v.moveClaim(ctx, r, claim.cas)
}

// enter settles r at the place its id is claimed for: it is there, or is put
// there if the place is current. Where neither can be, open tells whether to
// look again.
func (v *server) enter(ctx context.Context, r *request, current bool) (open bool, err error) {
	if r.at == r.own && time.Since(r.allotted) >= maxStall {
		current = false
	}
	if current {
		if err := v.put(ctx, []*request{r}); err != nil || r.settled() {
			return false, err
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

// moveClaim points the claim to a number of r's own, unless another has moved
// it meanwhile.
func (v *server) moveClaim(ctx context.Context, r *request, cas uint64) error {
	if err := v.needNumber(ctx, r); err != nil {
		return err
	}
	move := &op{
		cmd: cmdCAS, key: claimKey(r.name, r.id), ttl: claimTTL, cas: cas,
		value: []byte(r.own.cursor()),
	}
	if err := v.run(ctx, move); err != nil {
		return err
	}
	if move.got == refused || move.got == tooLarge {
		return v.unavailable(fmt.Errorf("%w: %s", errRefused, move.words))
	}
	return v.store.at("claimed")
}

// needNumber has a number allotted, unless there is one that can be used.
func (v *server) needNumber(ctx context.Context, r *request) error {
	if r.own.n != 0 && time.Since(r.allotted) < maxStall {
		return nil
	}
	r.own = place{}
	if err := v.allot(ctx, []*request{r}); err != nil {
		return err
	}
	return r.err
}

// tombstoneOp closes a number.
func tombstoneOp(name string, n uint64) *op {
	return addOp(slotKey(name, n), flagsTombstone, tombstoneTTL, []byte(tombstoneValue))
}
