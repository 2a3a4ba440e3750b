package memlog

import (
	"strings"
	"testing"
)

func TestViewKey(t *testing.T) {
	name := NameOf("два слова")
	for key, want := range map[string]KeyView{
		HeadKey("room"):            {Kind: KeyHead, Name: "room"},
		SlotKey(name, 36):          {Kind: KeySlot, Name: name, Number: 36},
		ClaimKey("room", "a"):      {Kind: KeyClaim, Name: "room", Hash: hashOf("a")},
		ClientKey("room", "alice"): {Kind: KeyClient, Name: "room", Hash: hashOf("alice")},
		heartbeatPrefix + "X":      {},
		"cc1:room:A":               {}, // no number as we write them
		"cc1:room:0a":              {},
		"cc1:room:":                {},
		"cc1:room":                 {},
		"channel_room":             {},
	} {
		if got := ViewKey(key); got != want {
			t.Errorf("%s: got %+v, want %+v", key, got, want)
		}
	}
}

func TestChannelOf(t *testing.T) {
	for _, channel := range []string{"room", "~room", "два слова", strings.Repeat("r", maxName), "a:b"} {
		if got, ok := ChannelOf(NameOf(channel)); !ok || got != channel {
			t.Errorf("%s: got %q and %v", channel, got, ok)
		}
	}
	for _, name := range []string{NameOf(strings.Repeat("д", 100)), "~", "~cm9vbQ", "~!", "a b", ""} {
		if got, ok := ChannelOf(name); ok {
			t.Errorf("%s: got %q, want none", name, got)
		}
	}
}

func TestViewSlot(t *testing.T) {
	for name, tt := range map[string]struct {
		flags uint32
		value string
		want  SlotView
	}{
		"message":   {0, string(appendSlot(nil, 7, "id", []byte("text"))), SlotView{Epoch: 7, ID: "id", Text: []byte("text")}},
		"void":      {2, voidValue, SlotView{Kind: SlotVoid}},
		"tombstone": {1, tombstoneValue, SlotView{Kind: SlotTombstone}},
		"junk":      {0, "junk", SlotView{Kind: SlotUnreadable}},
		"flags":     {3, string(appendSlot(nil, 7, "id", nil)), SlotView{Kind: SlotUnreadable}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ViewSlot(tt.flags, []byte(tt.value))
			if (got.Err != nil) != (tt.want.Kind == SlotUnreadable) {
				t.Errorf("got the error %v", got.Err)
			}
			if got.Kind != tt.want.Kind || got.Epoch != tt.want.Epoch || got.ID != tt.want.ID || string(got.Text) != string(tt.want.Text) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// What a channel's life shows from outside is what the store has made of it.
func TestViewOfAStore(t *testing.T) {
	cfg := Config{Servers: []string{"10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"}}
	seen := map[string]bool{}
	for _, channel := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		addr, err := cfg.ServerOf(NameOf(channel))
		if err != nil {
			t.Fatal(err)
		}
		seen[addr] = true
	}
	if len(seen) < 2 {
		t.Errorf("eight channels are on %v alone", seen)
	}
	if history, grace := cfg.Times(); history.Seconds() != 120 || grace.Milliseconds() != 50 {
		t.Errorf("got %v and %v, want the defaults", history, grace)
	}
	p := Place{Epoch: 0x12848108, Number: 1_795_412_220_000<<epochBits + 3}
	if at, ok := ViewCursor(p.Cursor()); !ok || at != p {
		t.Errorf("%s: got %+v and %v", p.Cursor(), at, ok)
	}
	if first := p.First(); first != p.Number-2 {
		t.Errorf("first: got %d, want two below %d", first, p.Number)
	}
	if at, err := ViewHead(p.Epoch, []byte("1882626163998720003")); err != nil || at.Number != 1882626163998720003 || at.Epoch != p.Epoch {
		t.Errorf("head: got %+v and %v", at, err)
	}
	if _, err := ViewHead(1, []byte("x")); err == nil {
		t.Error("a head that is no number is read")
	}
}

func FuzzViewKey(f *testing.F) {
	for _, key := range []string{"cc1:room:h", "cc1:~cm9vbQ:1z", "cc1:room:i:x", "cc1:room:c:x", "cc1::b:x", "cc1:~~ab:h"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		k := ViewKey(key)
		if k.Kind == KeySlot && SlotKey(k.Name, k.Number) != key || k.Kind == KeyHead && HeadKey(k.Name) != key {
			t.Fatalf("%q: got %+v", key, k)
		}
		if channel, ok := ChannelOf(k.Name); ok && NameOf(channel) != k.Name {
			t.Fatalf("%q is of the channel %q, whose keys have %q", key, channel, NameOf(channel))
		}
	})
}
