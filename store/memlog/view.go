package memlog

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// What those who look at memcached from outside have to know.
const (
	KeyPrefix  = keyPrefix // of all keys of this layout
	HeadLife   = headTTL * time.Second
	ClientLife = clientTTL * time.Second
	Window     = window // so many missing numbers in a row are the end of what is kept
)

// NameOf is a channel's name as keys hold it.
func NameOf(channel string) string { return nameOf(channel) }

// ChannelOf is the channel that keys name so. ok is false where they hold but
// its hash, and for what nameOf never wrote.
func ChannelOf(name string) (channel string, ok bool) {
	channel = name
	if coded, is := strings.CutPrefix(name, "~"); is {
		text, err := base64.RawURLEncoding.DecodeString(coded)
		if err != nil {
			return "", false
		}
		channel = string(text)
	}
	return channel, channel != "" && nameOf(channel) == name
}

// HeadKey is that of a channel's head, by its name as keys hold it, as for all
// that follow.
func HeadKey(name string) string { return headKey(name) }

// SlotKey is that of a number.
func SlotKey(name string, n uint64) string { return slotKey(name, n) }

// ClaimKey is that of the claim to a message's id.
func ClaimKey(name, id string) string { return claimKey(name, id) }

// ClientKey is that of a polling client's place.
func ClientKey(name, client string) string { return clientKey(name, client) }

// A KeyKind is what a key is for.
type KeyKind uint8

// The kinds of keys.
const (
	KeyOther KeyKind = iota // of no channel, or of another layout
	KeyHead
	KeySlot
	KeyClaim
	KeyClient
)

// A KeyView is what a key tells.
type KeyView struct {
	Kind   KeyKind
	Name   string // of the channel, as keys hold it
	Number uint64 // of a slot
	Hash   string // of a message's or a client's id
}

// ViewKey reads a key.
func ViewKey(key string) KeyView {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	name, last, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || name == "" {
		return KeyView{}
	}
	if last == headSuffix {
		return KeyView{Kind: KeyHead, Name: name}
	}
	if hash, ok := strings.CutPrefix(last, "i:"); ok {
		return KeyView{Kind: KeyClaim, Name: name, Hash: hash}
	}
	if hash, ok := strings.CutPrefix(last, "c:"); ok {
		return KeyView{Kind: KeyClient, Name: name, Hash: hash}
	}
	n, err := strconv.ParseUint(last, 36, 64)
	if err != nil || slotKey(name, n) != key {
		return KeyView{}
	}
	return KeyView{Kind: KeySlot, Name: name, Number: n}
}

// ServerOf is the server that keeps a channel, as in Config.Servers. Its error
// tells of a setting that can't be.
func (c Config) ServerOf(name string) (string, error) {
	r, err := newRing(c.Servers)
	if err != nil {
		return "", err
	}
	return c.Servers[r.server(name)], nil
}

// Times are how long a message is kept, and how long a reader waits for one.
func (c Config) Times() (history, grace time.Duration) {
	c, _ = c.check() // it fills in the defaults
	return c.History, c.Grace
}

// A Place is a number of an epoch.
type Place struct {
	Epoch  uint32
	Number uint64
}

// ViewHead reads a head: its place is that of the newest number given out.
func ViewHead(flags uint32, value []byte) (Place, error) {
	p, err := parseHead(item{flags: flags, value: value})
	return Place{p.epoch, p.n}, err
}

// ViewCursor reads a cursor. ok is false for what is none.
func ViewCursor(c protocol.Cursor) (at Place, ok bool) {
	p, ok := parsePlace(c)
	return Place{p.epoch, p.n}, ok
}

// Cursor is the place behind the number.
func (p Place) Cursor() protocol.Cursor { return place{p.Epoch, p.Number}.cursor() }

// First is the lowest number that the epoch can have given out.
func (p Place) First() uint64 { return base(p.Number) + 1 }

// A SlotKind is what a slot holds.
type SlotKind uint8

// The kinds of slots.
const (
	SlotMessage    SlotKind = iota
	SlotVoid                // closed by its publisher, who had no use for the number
	SlotTombstone           // closed by a reader, who had waited in vain
	SlotUnreadable          // readers take it for a tombstone
)

// A SlotView is a slot as people may want to see it.
type SlotView struct {
	Kind  SlotKind
	Err   error  // why it can't be read
	Epoch uint32 // of a message, and the following
	ID    string
	Text  []byte
}

// ViewSlot reads a slot.
func ViewSlot(flags uint32, value []byte) SlotView {
	switch flags {
	case flagsVoid:
		return SlotView{Kind: SlotVoid}
	case flagsTombstone:
		return SlotView{Kind: SlotTombstone}
	case flagsMessage:
		s, err := decodeSlot(value)
		if err != nil {
			return SlotView{Kind: SlotUnreadable, Err: err}
		}
		return SlotView{Epoch: s.epoch, ID: s.id, Text: s.text}
	}
	return SlotView{Kind: SlotUnreadable, Err: errSlot}
}
