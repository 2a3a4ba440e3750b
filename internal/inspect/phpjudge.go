package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memcache"
)

// lockSoon is for how long a lock may be held before somebody seems to have
// left it behind: PHP holds it for milliseconds. memcached counts whole
// seconds, which may take one off.
const lockSoon = 2 * time.Second

func (in *inspector) judgeLock(lock mcwire.Item) {
	if !lock.Found {
		return
	}
	in.judgeItem(lock)
	if lock.Flags != memcache.FlagsLock || string(lock.Value) != "1" {
		in.warn(fmt.Sprintf("the lock holds %s with flags %d; the library writes 1 with flags %d", short(quoted(string(lock.Value)), 20), lock.Flags, memcache.FlagsLock),
			"another program uses this key")
	}
	held := memcache.LockLife - lock.TTL
	switch {
	case !lock.Aged:
		in.note("the channel is locked", "somebody writes at this moment, or has left the lock behind; look again")
	case lock.TTL < 0:
		in.fault("the lock does not end by itself: nobody can write to the channel", "delete "+lock.Key)
	case held < 0:
		in.fault(fmt.Sprintf("the lock ends only in %s: until then nobody can write to the channel", span(lock.TTL)), "delete "+lock.Key)
	case held >= lockSoon:
		in.warn(fmt.Sprintf("the lock is held for about %s: whoever took it stands still, or has ended and left it behind", span(held)),
			fmt.Sprintf("all who write wait until it ends, in %s", span(lock.TTL)))
	default:
		in.note("the channel is locked: somebody writes at this moment", "")
	}
}

// judgeDocument looks at the document from outside.
func (in *inspector) judgeDocument(it mcwire.Item) {
	switch {
	case it.Aged && it.TTL < 0:
		in.warn("the channel does not end by itself: it was not written by the library", "the library gives it "+span(memcache.Life))
	case it.Aged && it.TTL > memcache.Life:
		in.warn(fmt.Sprintf("the channel ends only in %s: it was not written by the library", span(it.TTL)), "the library gives it "+span(memcache.Life))
	}
	in.judgeSize(it)
}

// overhead is about what memcached has of its own in an item, beside the key.
const overhead = 64

func (in *inspector) judgeSize(it mcwire.Item) {
	most := memcache.MaxStored
	if of := int(in.stats.ItemSizeMax); of > 0 {
		most = min(most, of-overhead-len(it.Key))
	}
	const mend = "let a gateway write to it, which prunes what all clients have had; or send less, or to several channels"
	switch {
	case it.Size > most:
		in.fault(fmt.Sprintf("the channel has %s, the most that gateways write is %s: they refuse messages, and PHP loses the whole channel near %s",
			bytesText(it.Size), bytesText(most), bytesText(int(in.stats.ItemSizeMax))), mend)
	case it.Size > most/4*3:
		in.warn(fmt.Sprintf("the channel has %s of the %s that it can have", bytesText(it.Size), bytesText(most)), mend)
	case it.Size >= memcache.SlowForPHP && it.Flags == memcache.FlagsZlib:
		in.note(fmt.Sprintf("the channel has %s compressed: from %s on PHP takes tens of milliseconds for each write, and holds the lock meanwhile",
			bytesText(it.Size), bytesText(memcache.SlowForPHP)), mend)
	}
}

// judgeView looks into the document.
func (in *inspector) judgeView(it mcwire.Item, v *memcache.View) {
	const refused = "gateways and PHP see an empty channel; gateways refuse messages for it, PHP's next one replaces it"
	switch {
	case it.Flags == memcache.FlagsFalse && string(it.Value) == "0":
		in.fault("PHP has replaced the channel by its false: a message could not be written as JSON (bytes that are not UTF-8, INF or NAN), and all messages were lost",
			"see to it that only valid UTF-8 is sent; the next message begins the channel anew")
		return
	case errors.Is(v.Err, store.ErrTooLarge):
		in.fault(fmt.Sprintf("the channel can't be read: it inflates to more than %s", bytesText(memcache.MaxText)), refused)
		return
	case v.Err != nil && it.Flags != 0 && it.Flags != memcache.FlagsZlib:
		in.fault(fmt.Sprintf("the value is foreign: its flags are %d, %s", it.Flags, flagsMean(it)),
			refused+"; has somebody ported a PHP process to another extension, or does another program use this key?")
		return
	case v.Err != nil && v.Text == nil:
		in.fault("the value has the flags of a zlib stream, and is none", refused)
		return
	case v.Err != nil:
		in.fault("the channel can't be read: "+whyNoDocument(v.Text), refused)
		return
	}
	if why := phpGivesUp(v.Text); why != "" {
		in.fault("PHP can't read the channel, and its next message will replace it: "+why, "send no such message")
	}
	for _, id := range v.Repeated {
		in.of(Fault, "id "+quoted(id), "%s: there more than once, and only the last value counts", "no PHP process writes that; who else does?")
	}
	if v.LastID == "null" {
		in.fault(`"lastid" is null: PHP has written to a channel that it could not read, and what was in it is lost`, "")
	}
	if v.List {
		in.warn(`"messages" is a list, so that ids are but places in it: a writer that knows no order of keys has been at it`, "all who write have to keep ids and their order")
	}
	if len(v.Others) > 0 {
		in.note(fmt.Sprintf("the document has members that the library does not know: %s", strings.Join(v.Others, ", ")), "")
	}
}

func (in *inspector) judgeEntry(e memcache.ViewEntry) {
	if e.JSON[0] != '"' {
		in.of(Note, "message "+quoted(e.ID), "%s: no text; PHP writes it anew at each write, with [] for {} and 1 for 1.0", "")
	}
}

// clockSkew is by how much a message may be ahead of the clock here.
const clockSkew = 2 * time.Second

// judgeMessages looks at all messages.
func (in *inspector) judgeMessages() {
	formats := make(map[string]int)
	for _, m := range in.report.Messages {
		formats[m.Format]++
		if m.Old != nil && m.Old.Duration() < -clockSkew {
			in.of(Warning, fmt.Sprintf("message %s (by %s)", quoted(m.ID), span(-m.Old.Duration())),
				"%s: of a time yet to come", "set the clock of the machine it came from, or of this one")
		}
	}
	if len(formats) > 1 {
		var parts []string
		for _, name := range []string{"json", "native", "raw"} {
			if n := formats[name]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, name))
			}
		}
		in.note("the messages are of several formats: "+strings.Join(parts, ", "),
			"a gateway reads a channel in one (--format); the others come as plain text")
	}
}

// outOfOrder is by how much a message may be older than the one before it: as
// long as clocks differ, and writers wait for the lock.
const outOfOrder = 10 * time.Second

// judgeOrder looks whether messages stand in the order of their times.
func (in *inspector) judgeOrder() {
	var newest time.Time
	for _, m := range in.report.Messages {
		if m.Time == nil {
			continue
		}
		if late := newest.Sub(*m.Time); late > outOfOrder {
			in.of(Warning, fmt.Sprintf("message %s (by %s)", quoted(m.ID), span(late)),
				"%s: stands behind one that is younger", "a writer that sorts or shuffles the keys of JSON has been at it, or clocks differ")
		} else if late < 0 {
			newest = *m.Time
		}
	}
}

// whyNoDocument says why a text is no channel's JSON.
func whyNoDocument(text []byte) string {
	if at := invalidUTF8(text); at >= 0 {
		return fmt.Sprintf("it is not UTF-8 at byte %d", at)
	}
	if len(text) == 0 {
		return "it is empty"
	}
	first, err := firstValue(text)
	switch {
	case err != nil:
		return "its JSON is broken: " + err.Error()
	case first < len(text) && text[first] == '{':
		return fmt.Sprintf("two documents stand one behind the other, the second from byte %d on: two writers have been at it, one by append", first)
	case first < len(text):
		return fmt.Sprintf("something stands behind its JSON, from byte %d on: %s", first, short(quoted(string(text[first:])), 40))
	case bytes.TrimLeft(text, " \t\r\n")[0] != '{':
		return "its JSON is no object: " + short(quoted(string(text)), 40)
	}
	for key, value := range protocol.Members(text) {
		if key == "messages" && value[0] != '{' && value[0] != '[' {
			return `its "messages" is no object: ` + short(quoted(string(value)), 40)
		}
	}
	return "its JSON is not what a channel looks like"
}
