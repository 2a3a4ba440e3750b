package inspect

import (
	"context"
	"fmt"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
)

// php looks at a channel in the layout of the PHP library.
func (in *inspector) php(ctx context.Context) error {
	in.report.Layout = "php"
	if err := in.open(ctx, in.PHP.Addr); err != nil {
		return err
	}
	documentKey, lockKey := in.PHP.Keys(in.report.Channel)
	logKey := memlog.HeadKey(memlog.NameOf(in.report.Channel))
	items, err := in.look(ctx, documentKey, lockKey, logKey)
	if err != nil {
		return err
	}
	document, lock := items[documentKey], items[lockKey]
	in.report.Items = []Item{itemOf("document", document, flagsMean(document)), itemOf("lock", lock, flagsMean(lock))}
	in.judgeLock(lock)
	switch {
	case items[logKey].Found:
		in.note("a channel by this name is in the log layout, too", "look at it by ?layout=log behind the store's URL")
	case !document.Found:
		in.note("memcached holds no such channel", fmt.Sprintf("one ends %s after the last write; is the name right, and the prefix?", span(memcache.Life)))
	}
	if !document.Found {
		return nil
	}
	in.judgeItem(document)
	in.judgeDocument(document)
	v := memcache.NewView(document.Flags, document.Value)
	if document.Flags == memcache.FlagsZlib {
		in.report.Items[0].Plain = len(v.Text)
	}
	in.judgeView(document, v)
	in.tell(v)
	return nil
}

// tell takes messages and places into the report.
func (in *inspector) tell(v *memcache.View) {
	for _, e := range v.Entries {
		switch {
		case e.Message != nil:
			m := in.message(*e.Message)
			in.report.Messages = append(in.report.Messages, m)
			in.judgeEntry(e)
		case e.Place != nil:
			in.tellPlace(e.Place)
		default:
			in.of(Note, "entry "+quoted(e.ID), "%s: private, and no client's place", "the PHP library writes none such")
		}
	}
	in.judgeMessages()
	in.judgeOrder()
}

func (in *inspector) tellPlace(p *memcache.ViewPlace) {
	in.report.Clients = append(in.report.Clients, Client{
		ID: p.Client, Place: p.LastID, Known: p.Known && !p.Lost, Follow: p.Follow, Old: in.ago(protocol.MessageTime(p.LastID)),
	})
	switch {
	case p.Lost:
		in.of(Fault, fmt.Sprintf("client %s (at %s)", quoted(p.Client), p.LastID),
			"%s: stands behind an id that is a text here, and an integer for PHP, which never finds it", "at each poll it misses what came since the last one; delete its entry")
	case !p.Known:
		in.of(Warning, fmt.Sprintf("client %s (at %s)", quoted(p.Client), quoted(p.LastID)),
			"%s: stands behind a message that is gone", "at its next poll of PHP it gets nothing, and goes on from the end")
	case p.LastID == "":
		in.of(Note, "client "+quoted(p.Client), "%s: stands before all messages; it polls for the first time, or ended amid that", "")
	}
}

// flagsMean says what the flags of an item in the PHP layout mean, which two
// extensions of PHP write in different ways.
func flagsMean(it mcwire.Item) string {
	kinds := [...]string{"string", "integer", "float", "boolean", "serialized", "igbinary", "JSON", "msgpack"}
	switch f := it.Flags; {
	case !it.Found:
		return ""
	case f == 0:
		return "plain"
	case f == memcache.FlagsZlib:
		return "zlib"
	case f == memcache.FlagsFalse:
		return "PHP's false"
	case f == memcache.FlagsLock:
		return "PHP's integer"
	case f&0xf00 != 0:
		return "another type of PHP's memcache extension"
	case f == 1, f == 3:
		return "serialized by PHP's memcache extension"
	case f&0x10 != 0 && f < 0x100 && f&0xf < uint32(len(kinds)):
		by := "fastlz"
		if f&0x20 != 0 {
			by = "zlib"
		} else if f&0x80 != 0 {
			by = "zstd"
		}
		return "a " + kinds[f&0xf] + " compressed by PHP's memcached extension (" + by + ")"
	case f < uint32(len(kinds)):
		return "a " + kinds[f] + " of PHP's memcached extension"
	}
	return "not PHP's"
}
