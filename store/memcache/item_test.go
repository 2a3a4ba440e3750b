package memcache

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"strings"
	"testing"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/store"
)

func deflated(t testing.TB, level int, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpack(t *testing.T) {
	const text = `{"lastid":0,"messages":{"a":"1"}}`
	packed := deflated(t, 6, text)
	bomb := deflated(t, 1, strings.Repeat(" ", 10<<20)+text)
	if len(bomb) > 200<<10 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	tests := []struct {
		name    string
		flags   uint32
		value   string
		entries int
		want    error
	}{
		{"plain", 0, text, 1, nil},
		{"zlib", 2, string(packed), 1, nil},
		{"zlib, best", 2, string(deflated(t, 9, text)), 1, nil},
		{"zlib, stored", 2, string(deflated(t, 0, text)), 1, nil},
		{"false, as a failed json_encode leaves it", 256, "0", 0, nil},
		{"true", 256, "1", 0, store.ErrForeign},
		{"empty", 0, "", 0, store.ErrForeign},
		{"zlib cut off", 2, string(packed[:len(packed)-5]), 0, store.ErrForeign},
		{"zlib with a wrong sum", 2, string(packed[:len(packed)-1]) + "x", 0, store.ErrForeign},
		{"no zlib", 2, text, 0, store.ErrForeign},
		{"zlib without its flag", 0, string(packed), 0, store.ErrForeign},
		{"serialized", 1, `a:1:{s:6:"lastid";i:0;}`, 0, store.ErrForeign},
		{"serialized and zlib", 3, string(packed), 0, store.ErrForeign},
		{"integer", 768, "1", 0, store.ErrForeign},
		{"double", 1792, "1.5", 0, store.ErrForeign},
		{"inflates without end", 2, string(bomb), 0, store.ErrTooLarge},
		{"too large", 0, strings.Repeat(" ", maxText) + text, 0, store.ErrTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := unpack(&gomemcache.Item{Flags: test.flags, Value: []byte(test.value)})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err == nil && len(d.entries) != test.entries {
				t.Errorf("got %d entries, want %d", len(d.entries), test.entries)
			}
		})
	}
}

// Values of PHP's other extension are not taken for channels, whatever their
// flags mean to the first; a plain text is one to both.
func TestValuesOfTheMemcachedExtension(t *testing.T) {
	for _, c := range captures(t, "testdata/memcached_extension.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			d, err := unpack(c.item(t))
			if isChannel := c.Name == "string-short"; isChannel != (err == nil) {
				t.Errorf("got %v, %v", d, err)
			}
			if err != nil && !errors.Is(err, store.ErrForeign) {
				t.Errorf("got %v, want %v", err, store.ErrForeign)
			}
		})
	}
}

func TestPack(t *testing.T) {
	var p packer
	for _, test := range []struct {
		name  string
		text  string
		flags uint32
		want  error
	}{
		{"small", `{"lastid":0}`, flagsPlain, nil},
		{"below the threshold", strings.Repeat("x", deflateAbove), flagsPlain, nil},
		{"above", strings.Repeat("x", deflateAbove+1), flagsZlib, nil},
		{"above again", strings.Repeat("y", 2*deflateAbove), flagsZlib, nil},
		{"above, nothing to gain", noise(600 << 10), flagsZlib, nil},
		{"larger", strings.Repeat("x", maxText+1), 0, store.ErrTooLarge},
		{"too large compressed", noise(1300 << 10), 0, store.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			var item gomemcache.Item
			err := p.pack(&item, []byte(test.text))
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err != nil {
				return
			}
			if item.Flags != test.flags || len(item.Value) > maxStored {
				t.Errorf("got flags %d and %d bytes, want flags %d", item.Flags, len(item.Value), test.flags)
			}
			got := item.Value
			if item.Flags == flagsZlib {
				if got, err = inflate(item.Value); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != test.text {
				t.Error("the text is not what was packed")
			}
		})
	}
}

// What is no channel is never overwritten, and empty to readers, who are told
// in the log once.
func testForeignItems(t *testing.T, v memcachedtest.Version) {
	server := v.Start(t)
	c := dial(t, server)
	var log bytes.Buffer
	s := openStore(t, Config{Addr: server.Addr, Logger: zerolog.New(&log).Level(zerolog.WarnLevel)})
	for i, item := range []gomemcache.Item{
		{Flags: 1, Value: []byte(`a:1:{s:6:"lastid";i:0;}`)},
		{Flags: 48, Value: []byte("\xda\x07\x00\x00x\x9c")},
		{Flags: 0, Value: []byte(`{"lastid":0,"messages":"x"}`)},
	} {
		channel := fmt.Sprint("c", i)
		item.Key, item.Expiration = "channel_"+channel, ttl
		setItem(t, c, &item)
		log.Reset()
		_, err := s.Append(t.Context(), channel, store.Message{ID: "m"})
		if !errors.Is(err, store.ErrForeign) {
			t.Errorf("Append: got %v, want %v", err, store.ErrForeign)
		}
		if err := s.SetClientCursor(t.Context(), channel, "bob", "x.AAAAAAAA"); !errors.Is(err, store.ErrForeign) {
			t.Errorf("SetClientCursor: got %v, want %v", err, store.ErrForeign)
		}
		for range 3 {
			if p := mustRead(t, s, channel, ""); p.Gap || len(p.Messages) != 0 {
				t.Errorf("Read: got gap %v and %d messages, want neither", p.Gap, len(p.Messages))
			}
			mustTail(t, s, channel)
		}
		if got := strings.Count(log.String(), "\n"); got != 1 {
			t.Errorf("got %d lines in the log, want 1:\n%s", got, log.String())
		}
		left, err := c.Get(item.Key)
		if err != nil || left.Flags != item.Flags || !bytes.Equal(left.Value, item.Value) {
			t.Errorf("the item was changed: %v, %v", left, err)
		}
	}
}

// A channel that PHP wiped by a failed json_encode is used as if it were not
// there.
func TestAppendToAWipedChannel(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	setItem(t, c, &gomemcache.Item{Key: "channel_c", Flags: 256, Value: []byte("0"), Expiration: ttl})
	mustAppend(t, s, "c", "x")
	if got := mustRead(t, s, "c", "").Messages; len(got) != 1 {
		t.Errorf("got %d messages, want 1", len(got))
	}
}
