package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memlog"
)

// An Overview is the channels that memcached lists.
type Overview struct {
	Store    string        `json:"store"`
	Layout   string        `json:"layout"`
	Servers  []ServerInfo  `json:"servers"`
	Channels []ChannelInfo `json:"channels"` // by name
}

// A ChannelInfo is one of them.
type ChannelInfo struct {
	Channel string `json:"channel"`        // "" where keys hold but a hash of it
	Name    string `json:"name,omitempty"` // as keys hold it, in the log layout
	Server  string `json:"server"`
	Size    int    `json:"size,omitempty"` // bytes of the document, in the PHP layout
	Locked  bool   `json:"locked,omitempty"`
	Slots   int    `json:"slots,omitempty"`   // in the log layout: messages, and closed numbers
	Clients int    `json:"clients,omitempty"` // places of polling clients, in the log layout
	Age            // of the document or the head
}

// Channels tells of all channels that memcached lists; its error tells why that
// can't be had.
func Channels(ctx context.Context, o Options) (*Overview, error) {
	o = o.withDefaults()
	all := &Overview{Store: o.URL, Servers: []ServerInfo{}, Channels: []ChannelInfo{}}
	var addrs []string
	var read reading
	switch {
	case o.PHP != nil:
		all.Layout, addrs, read = "php", []string{o.PHP.Addr}, readPHP
	case o.Log != nil:
		all.Layout, addrs, read = "log", o.Log.Servers, readLog
	default:
		return nil, errors.New("inspect: no store to look into")
	}
	for _, addr := range addrs {
		if err := all.add(ctx, o, addr, read); err != nil {
			if errors.Is(err, mcwire.ErrListRefused) {
				err = fmt.Errorf("memcached %s: %w; name a channel to look at", addr, err)
			}
			return nil, err
		}
	}
	slices.SortFunc(all.Channels, func(a, b ChannelInfo) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Server, b.Server))
	})
	return all, nil
}

// A listing is what is found on one server, by the key whose age counts.
type listing map[string]*ChannelInfo

// at is where a key is told of; beyond maxListed that is nowhere.
func (l listing) at(key string) *ChannelInfo {
	if l[key] == nil {
		if len(l) == maxListed {
			return &ChannelInfo{}
		}
		l[key] = &ChannelInfo{}
	}
	return l[key]
}

// A reading takes a key into a listing.
type reading func(o Options, found listing, key string)

// add lists a server's channels.
func (all *Overview) add(ctx context.Context, o Options, addr string, read reading) error {
	found := make(listing)
	_, err := listKeys(ctx, o, addr, func(key string) bool {
		read(o, found, key)
		return false // there is no need to keep it
	})
	if err != nil {
		return err
	}
	server, err := o.Dial(ctx, addr)
	if err != nil {
		return fmt.Errorf("memcached %s can't be reached: %w", addr, err)
	}
	defer server.Close()
	stats, err := server.Stats(ctx)
	if err != nil {
		return fmt.Errorf("memcached %s: %w", addr, err)
	}
	all.Servers = append(all.Servers, serverOf(addr, stats))
	keys := make([]string, 0, len(found))
	for key := range found {
		keys = append(keys, key)
	}
	err = server.Items(ctx, keys, false, func(it mcwire.Item) {
		c := found[it.Key]
		c.Server, c.Age = addr, ageOf(it)
		if o.PHP != nil {
			c.Size = it.Size
		}
		if it.Found || o.Log != nil || c.Locked {
			all.Channels = append(all.Channels, *c)
		}
	})
	if err != nil {
		return fmt.Errorf("memcached %s: %w", addr, err)
	}
	return nil
}

// readPHP takes the key of a document or a lock.
func readPHP(o Options, found listing, key string) {
	name, ok := strings.CutPrefix(key, o.PHP.KeyPrefix())
	if !ok || name == "" {
		return
	}
	locked := false
	if channel, isLock := strings.CutPrefix(name, "lock_"); isLock {
		name, locked = channel, true
	}
	document, _ := o.PHP.Keys(name)
	c := found.at(document)
	c.Channel, c.Locked = name, c.Locked || locked
}

// readLog takes any key of the log layout.
func readLog(_ Options, found listing, key string) {
	k := memlog.ViewKey(key)
	if k.Kind == memlog.KeyOther {
		return
	}
	c := found.at(memlog.HeadKey(k.Name))
	c.Channel, _ = memlog.ChannelOf(k.Name)
	c.Name = k.Name
	switch k.Kind {
	case memlog.KeySlot:
		c.Slots++
	case memlog.KeyClient:
		c.Clients++
	case memlog.KeyHead, memlog.KeyClaim, memlog.KeyOther:
	}
}
