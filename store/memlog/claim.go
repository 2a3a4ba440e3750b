package memlog

// A claimState is what a request has done about the claim of its id.
type claimState uint8

const (
	claimNone    claimState = iota
	claimSent               // it tries to claim a number by guess
	claimGuessed            // the claim is its own, and names the number guessed
	claimMade               // no guess is left of it; what it names is for memcached to tell
)

// guessEpoch is the epoch of a claim made by guess. No head has it.
const guessEpoch = 0

// claimGuess claims a number for r's id in the same exchange in which numbers
// are given out: the guess is right where nobody else has published to the
// channel meanwhile. Its epoch is 0, which no head has: it tells all who find
// it that the message is there already, or that the number is to be closed, as
// one of an epoch that has ended, and the claim moved. So it does no harm that
// the number may be another's.
func (r *request) claimGuess(n uint64) *op {
	r.claim, r.guess = claimSent, n
	r.claimOp = *addOp(r.claimKey, 0, claimTTL, []byte(place{guessEpoch, n}.cursor()))
	return &r.claimOp
}

// takeGuess looks whether the claim is r's own, as it was read behind
// claimGuess.
func (r *request) takeGuess(claim item) {
	if r.claimOp.got == done && claim.found && string(claim.value) == string(r.claimOp.value) {
		r.claim, r.cas = claimGuessed, claim.cas
		return
	}
	r.claim, r.step = claimMade, stepAstray
}

// claimOwn has the claim that was made by guess name r's own number, unless
// another has moved it: he has closed the number guessed before.
func (r *request) claimOwn() *op {
	r.claim = claimMade
	r.claimOp = *moveOp(r, r.cas)
	return &r.claimOp
}

// moveOp has a claim name r's own number, if it is still the one that was read.
func moveOp(r *request, cas uint64) *op {
	return &op{cmd: cmdCAS, key: r.claimKey, ttl: claimTTL, cas: cas, value: []byte(r.own.cursor())}
}

// claimed takes in what came of claimOwn.
func claimed(rs []*request) {
	for _, r := range rs {
		if r.claimOp.got == done {
			r.step, r.at = stepPut, r.own
		} else {
			r.step = stepAstray
		}
	}
}
