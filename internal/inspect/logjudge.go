package inspect

import (
	"fmt"
	"time"

	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memlog"
)

// judgeHead reads the head. ok is false where it can't be read.
func (in *inspector) judgeHead(v *logView) (newest memlog.Place, ok bool) {
	newest, err := memlog.ViewHead(v.head.Flags, v.head.Value)
	switch {
	case err != nil:
		in.fault("the head can't be read: "+err.Error(), "nobody can send; delete "+v.head.Key+", and a new epoch begins")
		return memlog.Place{}, false
	case newest.Epoch == 0:
		in.fault("the head's epoch (its flags) is 0, which no gateway writes: readers can't tell a restart", "delete "+v.head.Key)
	case newest.Number < 1<<20:
		in.warn("the head's number is no time: it was not made by a gateway", "a later epoch's numbers have to be above those of all before")
	}
	if v.head.Aged && v.head.TTL < 0 {
		in.note("the head does not end by itself", fmt.Sprintf("gateways give it %s, and renew it", memlog.HeadLife))
	}
	return newest, true
}

// numbersText names the first of some numbers, and counts the others.
func numbersText(numbers []uint64) string {
	text := fmt.Sprintf("number %d", numbers[0])
	if n := len(numbers) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func (in *inspector) judgeHoles(holes []uint64) {
	if len(holes) == 0 {
		return
	}
	in.warn(numbersText(holes)+": given out, and nothing is there: the publisher ended before it wrote, or memcached has dropped the message",
		"the next reader waits for the grace time, closes it by a tombstone and tells of a gap")
}

// closed are the numbers that hold no message.
type closed map[memlog.SlotKind][]uint64

func newClosed() closed { return make(closed) }

func (c closed) count(kind memlog.SlotKind, n uint64) {
	if kind != memlog.SlotMessage {
		c[kind] = append(c[kind], n)
	}
}

func (in *inspector) judgeClosed(c closed) {
	if numbers := c[memlog.SlotTombstone]; len(numbers) > 0 {
		in.warn(numbersText(numbers)+": closed by a tombstone; readers were told of a gap there",
			"a publisher was slower than the grace time, or ended: is a gateway, or memcached, short of CPU? A longer grace=... gives it more time")
	}
	if numbers := c[memlog.SlotUnreadable]; len(numbers) > 0 {
		in.fault(numbersText(numbers)+": holds what can't be read; readers take it for lost, and tell of a gap",
			"another program, or a later version, writes to these keys")
	}
	if numbers := c[memlog.SlotVoid]; len(numbers) > 0 {
		in.note(numbersText(numbers)+": void, given out and not needed", "")
	}
}

// judgeSlot looks at a message in its place.
func (in *inspector) judgeSlot(v *logView, it mcwire.Item, s memlog.SlotView, n uint64) {
	message := fmt.Sprintf("message %s (number %d)", quoted(s.ID), n)
	switch {
	case !v.head.Found:
		in.fault("messages are there and the head is not: it was evicted, or deleted; readers are told of a gap, and begin a new epoch", "")
	case !v.known:
	case n > v.newest.Number:
		in.of(Fault, message, "%s: there although its number was not given out yet; who gets that finds it taken", "who writes to these keys beside gateways?")
	case n < v.newest.First():
		in.note("messages of an epoch before are left: who has not read them is told of a gap", "")
	case s.Epoch != v.newest.Epoch:
		in.of(Fault, fmt.Sprintf("%s of the epoch %s", message, epochText(s.Epoch)),
			"%s: not of the head's epoch; readers take it for lost", "its publisher did not notice that memcached was flushed")
	}
	if most := in.stats.ItemSizeMax; most > 0 && uint64(it.Size) > most/4*3 {
		in.of(Warning, fmt.Sprintf("%s, %s", message, bytesText(it.Size)), "%s: near the most that memcached takes, "+bytesText(int(most)), "send less at once")
	}
}

// surelyClaimed is how old a message may be for its claim, which outlives it by
// five seconds, to be there for sure.
const surelyClaimed = 115 * time.Second

func (in *inspector) judgeClaims(v *logView) {
	seen := make(map[string]bool)
	for _, m := range in.report.Messages {
		message := fmt.Sprintf("message %s (number %d)", quoted(m.ID), *m.Number)
		claim := v.claims[memlog.ClaimKey(v.name, m.ID)]
		young := m.Old != nil && m.Old.Duration() < surelyClaimed
		switch {
		case !v.known || m.Epoch != epochText(v.newest.Epoch):
		case seen[m.ID]:
			in.of(Fault, message, "%s: there twice", "its claim was dropped between two tries to send it: give memcached more memory")
		case !claim.Found && young:
			in.of(Warning, message, "%s: the claim to the id is gone, and a second try to send it would double it", "memcached has dropped the claim: give it more memory")
		case claim.Found && string(claim.Value) != string(m.Cursor):
			in.of(Warning, fmt.Sprintf("%s, claimed at %s", message, short(quoted(string(claim.Value)), 60)), "%s: the claim to the id is for another number", "")
		}
		seen[m.ID] = true
	}
}

func (in *inspector) judgeClient(v *logView, c Client, at memlog.Place, isCursor bool) {
	who := "client " + quoted(c.ID)
	if c.ID == "" {
		who = "the client with the hash " + c.Hash
	}
	switch {
	case !isCursor:
		in.of(Warning, fmt.Sprintf("%s (%s)", who, quoted(c.Place)), "%s: has a place that is no cursor", "it goes on from the end")
	case !v.known:
	case at.Epoch != v.newest.Epoch:
		in.of(Note, fmt.Sprintf("%s (%s)", who, epochText(at.Epoch)), "%s: stands in an epoch that has ended, and is told of a gap", "")
	case at.Number > v.newest.Number:
		in.of(Warning, fmt.Sprintf("%s (at %d)", who, at.Number), "%s: stands behind a number that was not given out yet", "it is told of a gap")
	}
}
