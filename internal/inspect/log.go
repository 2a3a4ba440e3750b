package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
)

// A logView is a channel in the log layout.
type logView struct {
	name   string // as keys hold it
	head   mcwire.Item
	newest memlog.Place           // of the head
	known  bool                   // newest is
	slots  map[uint64]mcwire.Item // that are there
	listed map[uint64]bool        // of those that memcached lists; nil: it was not asked, or refused
	hashes []string               // of clients' ids, as listed
	claims map[string]mcwire.Item // by key
}

// log looks at a channel in the log layout.
func (in *inspector) log(ctx context.Context) error {
	in.report.Layout = "log"
	v := &logView{name: memlog.NameOf(in.report.Channel), slots: make(map[uint64]mcwire.Item)}
	addr, err := in.Log.ServerOf(v.name)
	if err != nil {
		return err
	}
	if err := in.open(ctx, addr); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *logView) error{
		in.lookHead, in.lookList, in.lookSlots, in.lookAgain, in.tellSlots, in.tellPlaces, in.lookElsewhere,
	} {
		if err := step(ctx, v); err != nil {
			return err
		}
	}
	in.judgeMessages()
	return nil
}

func (in *inspector) lookHead(ctx context.Context, v *logView) error {
	headKey, php := memlog.HeadKey(v.name), memcache.Config{}
	documentKey, _ := php.Keys(in.report.Channel)
	items, err := in.look(ctx, headKey, documentKey)
	if err != nil {
		return err
	}
	v.head = items[headKey]
	told := itemOf("head", v.head, "")
	if v.head.Found {
		told.Means = "epoch " + epochText(v.head.Flags)
		told.Value = short(string(v.head.Value), 40)
		in.judgeItem(v.head)
		v.newest, v.known = in.judgeHead(v)
	}
	in.report.Items = []Item{told}
	switch {
	case items[documentKey].Found:
		in.note("a channel by this name is in the PHP library's layout, too", "look at it by a URL without ?layout=log")
	case !v.head.Found:
		in.note("memcached holds no head of such a channel", "is the name right?")
	}
	return nil
}

// lookList asks for the keys of the channel: those of clients can't be known
// otherwise, nor what is left of epochs before.
func (in *inspector) lookList(ctx context.Context, v *logView) error {
	prefix := memlog.KeyPrefix + v.name + ":"
	keys, ok, err := in.list(ctx, func(key string) bool { return strings.HasPrefix(key, prefix) })
	if err != nil || !ok {
		return err
	}
	v.listed = make(map[uint64]bool)
	for _, key := range keys {
		switch k := memlog.ViewKey(key); k.Kind {
		case memlog.KeySlot:
			v.listed[k.Number] = true
		case memlog.KeyClient:
			v.hashes = append(v.hashes, k.Hash)
		case memlog.KeyHead, memlog.KeyClaim:
		case memlog.KeyOther:
			in.note(fmt.Sprintf("key %s does not belong to the layout", quoted(key)), "")
		}
	}
	return nil
}

const (
	slotsAtOnce = 500
	// maxSlots bounds the slots that are read: at the most, the newest.
	maxSlots = 20_000
)

// lookSlots reads slots backwards from the head, as far as there are some, and
// those listed that it has not met.
func (in *inspector) lookSlots(ctx context.Context, v *logView) error {
	missing := uint64(0)
	for last := v.newest.Number; v.known && last >= v.newest.First() && missing < memlog.Window; {
		if len(v.slots) >= maxSlots {
			in.note(fmt.Sprintf("the channel has more than %d messages, of which the newest are told", maxSlots), "")
			return nil
		}
		first := max(last-min(last, slotsAtOnce-1), v.newest.First())
		if err := in.getSlots(ctx, v, numbersFrom(first, last-first+1)); err != nil {
			return err
		}
		for n := last; n >= first && missing < memlog.Window; n-- {
			if missing++; v.slots[n].Found {
				missing = 0
			}
		}
		last = first - 1
	}
	var rest []uint64
	for n := range v.listed {
		if !v.slots[n].Found && len(rest) < maxSlots {
			rest = append(rest, n)
		}
	}
	return in.getSlots(ctx, v, rest)
}

// numbersFrom are so many numbers.
func numbersFrom(first, count uint64) []uint64 {
	numbers := make([]uint64, count)
	for i := range numbers {
		numbers[i] = first + uint64(i)
	}
	return numbers
}

func (in *inspector) getSlots(ctx context.Context, v *logView, numbers []uint64) error {
	keys, number := make([]string, len(numbers)), make(map[string]uint64, len(numbers))
	for i, n := range numbers {
		keys[i] = memlog.SlotKey(v.name, n)
		number[keys[i]] = n
	}
	items, err := in.look(ctx, keys...)
	for key, it := range items {
		if it.Found {
			v.slots[number[key]] = it
		}
	}
	return err
}

// holes are numbers that were given out after that of a message which is still
// kept, and hold nothing. What is older may have ended by itself.
func (v *logView) holes() (numbers []uint64) {
	if !v.known {
		return nil
	}
	begun := false
	for _, n := range slices.Sorted(maps.Keys(v.slots)) {
		kind := memlog.ViewSlot(v.slots[n].Flags, v.slots[n].Value).Kind
		if n < v.newest.First() || n > v.newest.Number || !begun && kind == memlog.SlotTombstone {
			continue // a tombstone outlives messages
		}
		begun = true
		for n < v.newest.Number && len(numbers) < maxSlots {
			if n++; v.slots[n].Found {
				break
			}
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// lookAgain gives publishers who are under way the time that readers give them.
func (in *inspector) lookAgain(ctx context.Context, v *logView) error {
	holes := v.holes()
	if len(holes) == 0 {
		return nil
	}
	_, grace := in.Log.Times()
	select {
	case <-time.After(grace):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := in.getSlots(ctx, v, holes); err != nil {
		return err
	}
	in.judgeHoles(v.holes())
	return nil
}

// tellSlots takes messages into the report.
func (in *inspector) tellSlots(ctx context.Context, v *logView) error {
	numbers := slices.Sorted(maps.Keys(v.slots))
	history, _ := in.Log.Times()
	closed := newClosed()
	for _, n := range numbers {
		it := v.slots[n]
		s := memlog.ViewSlot(it.Flags, it.Value)
		closed.count(s.Kind, n)
		if s.Kind != memlog.SlotMessage {
			continue
		}
		m := in.message(store.Message{
			ID: s.ID, Text: s.Text, Time: protocol.MessageTime(s.ID), Cursor: memlog.Place{Epoch: s.Epoch, Number: n}.Cursor(),
		})
		m.Number, m.Epoch, m.Age = &n, epochText(s.Epoch), ageOf(it)
		if left := it.TTL; m.Old == nil && it.Aged && left >= 0 && left <= history {
			old := Seconds(history - left)
			m.Old = &old
		}
		in.report.Messages = append(in.report.Messages, m)
		in.judgeSlot(v, it, s, n)
	}
	in.judgeClosed(closed)
	return in.lookClaims(ctx, v)
}

// lookClaims holds each message against the claim to its id.
func (in *inspector) lookClaims(ctx context.Context, v *logView) error {
	var keys []string
	for _, m := range in.report.Messages {
		keys = append(keys, memlog.ClaimKey(v.name, m.ID))
	}
	var err error
	if v.claims, err = in.look(ctx, keys...); err != nil {
		return err
	}
	in.judgeClaims(v)
	return nil
}

// tellPlaces takes clients into the report: those asked for, those listed, and
// those who have sent a message.
func (in *inspector) tellPlaces(ctx context.Context, v *logView) error {
	names := make(map[string]string) // by key
	for _, client := range slices.Concat(in.Clients, slices.Sorted(maps.Keys(in.senders))) {
		names[memlog.ClientKey(v.name, client)] = client
	}
	prefix := memlog.KeyPrefix + v.name + ":c:"
	for _, hash := range v.hashes {
		if _, known := names[prefix+hash]; !known {
			names[prefix+hash] = ""
		}
	}
	keys := slices.Sorted(maps.Keys(names))
	items, err := in.look(ctx, keys...)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if it := items[key]; it.Found {
			in.tellClient(v, it, names[key], strings.TrimPrefix(key, prefix))
		} else if slices.Contains(in.Clients, names[key]) {
			in.note(fmt.Sprintf("client %s has no place here", quoted(names[key])), fmt.Sprintf("one is kept for %s after the last poll", span(memlog.ClientLife)))
		}
	}
	return nil
}

func (in *inspector) tellClient(v *logView, it mcwire.Item, id, hash string) {
	c := Client{ID: id, Hash: hash, Place: short(string(it.Value), protocol.MaxCursor)}
	if since := memlog.ClientLife - it.TTL; it.Aged && it.TTL >= 0 && since >= 0 {
		polled := Seconds(since)
		c.Polled = &polled
	}
	at, ok := memlog.ViewCursor(protocol.Cursor(it.Value))
	c.Known = ok && v.known && at.Epoch == v.newest.Epoch && at.Number <= v.newest.Number
	for _, m := range in.report.Messages {
		if c.Known && *m.Number > at.Number {
			c.Follow++
		}
	}
	in.report.Clients = append(in.report.Clients, c)
	in.judgeClient(v, c, at, ok)
}

// lookElsewhere asks the other servers for the channel's head.
func (in *inspector) lookElsewhere(ctx context.Context, v *logView) error {
	for _, addr := range in.Log.Servers {
		if addr == in.addr {
			continue
		}
		found, err := in.hasHead(ctx, addr, v.name)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			in.warn(fmt.Sprintf("memcached %s can't be reached, and its channels can't be used: %v", addr, err), "")
		case found:
			in.fault(fmt.Sprintf("memcached %s has this channel, too: some gateway or PHP process names the servers in another way, and sees other messages", addr),
				"write the same servers, in the same words, everywhere: localhost and 127.0.0.1 are two")
		}
	}
	return nil
}

func (in *inspector) hasHead(ctx context.Context, addr, name string) (found bool, err error) {
	server, err := in.Dial(ctx, addr)
	if err != nil {
		return false, err
	}
	defer server.Close()
	err = server.Items(ctx, []string{memlog.HeadKey(name)}, false, func(it mcwire.Item) { found = it.Found })
	return found, err
}

func epochText(epoch uint32) string { return fmt.Sprintf("%08x", epoch) }
