package memlog

import (
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A request is a message on its way. It belongs to Append's caller before
// enqueue and after done, and to one publishing goroutine in between.
type request struct {
	name, headKey, claimKey string
	id                      string
	text                    []byte
	since                   time.Time
	done                    chan struct{} // closed with cursor or err set

	cursor protocol.Cursor
	err    error

	step     step
	own      place // given out and not used yet, n 0 for none
	allotted time.Time
	tries    int   // to be given a number
	at       place // where to put it: its own, or the one that its id was claimed for

	claim claimState
	guess uint64 // the number that the claim names, by guess
	cas   uint64 // of that claim

	// of the exchange under way
	op, claimOp op
	look        int // where its head, or its claim, is read
}

// A step is what a request has before it.
type step uint8

const (
	stepCount  step = iota // to be given a number, and to claim one by guess
	stepClaim              // to claim its own, where the guess was wrong
	stepPut                // to be put into the slot at r.at
	stepAstray             // its way is not straight; see resolve
)

func newRequest(name string, m store.Message) *request {
	return &request{
		name: name, headKey: headKey(name), claimKey: claimKey(name, m.ID),
		id: m.ID, text: m.Text, since: time.Now(), done: make(chan struct{}),
	}
}

func (r *request) settled() bool { return r.cursor != "" || r.err != nil }

// fail settles r, if it is not yet.
func (r *request) fail(err error) {
	if !r.settled() {
		r.err = err
	}
}

// usable: r's own number may be used yet.
func (r *request) usable() bool { return r.own.n != 0 && time.Since(r.allotted) < maxStall }

// use notes that the slot at r.at is written, if it is r's own.
func (r *request) use() {
	if r.own.n == r.at.n {
		r.own = place{}
	}
}
