package memcache

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/store"
)

func TestView(t *testing.T) {
	text := `{"lastid":null,"x":1,"messages":{"_overhead_alice":{"lastID":"a"},"a":"one","_overhead_bob":{"lastID":false},"_x":1,` +
		`"7":{"b":2},"_overhead_carol":{"lastID":"7"},"_overhead_dave":{"lastID":7},"_overhead_erin":{"lastID":"gone"},"a":"two"}}`
	v := NewView(flagsPlain, []byte(text))
	if v.Err != nil || string(v.Text) != text || v.LastID != "null" || v.List {
		t.Errorf("got %+v", v)
	}
	if diff := cmp.Diff([]string{"x"}, v.Others) + cmp.Diff([]string{"a"}, v.Repeated); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	type row struct {
		id, message string
		place       ViewPlace
	}
	var got []row
	for _, e := range v.Entries {
		r := row{id: e.ID}
		if e.Message != nil {
			r.message = string(e.Message.Text)
		}
		if e.Place != nil {
			r.place = *e.Place
		}
		got = append(got, r)
	}
	want := []row{
		{"_overhead_alice", "", ViewPlace{Client: "alice", LastID: "a", Known: true, Follow: 1}},
		{"a", "two", ViewPlace{}},
		{"_overhead_bob", "", ViewPlace{Client: "bob", Known: true, Follow: 2}},
		{"_x", "", ViewPlace{}},
		{"7", `{"b":2}`, ViewPlace{}},
		{"_overhead_carol", "", ViewPlace{Client: "carol", LastID: "7", Known: true, Lost: true}},
		{"_overhead_dave", "", ViewPlace{Client: "dave", LastID: "7", Known: true}},
		{"_overhead_erin", "", ViewPlace{Client: "erin", LastID: "gone"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestViewOfWhatCannotBeRead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags uint32
		value string
		text  string // "-" for none
		err   error
		list  bool
	}{
		{"a list", 0, `{"messages":["a"]}`, `{"messages":["a"]}`, nil, true},
		{"an empty list", 0, `{"messages":[ ]}`, `{"messages":[ ]}`, nil, false},
		{"PHP's false", flagsFalse, "0", "0", nil, false},
		{"broken", 0, `{"messages":`, `{"messages":`, store.ErrForeign, false},
		{"foreign", 80, "x", "x", store.ErrForeign, false},
		{"no zlib", flagsZlib, "x", "-", store.ErrForeign, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := NewView(tt.flags, []byte(tt.value))
			text := string(v.Text)
			if v.Text == nil {
				text = "-"
			}
			if text != tt.text || !errors.Is(v.Err, tt.err) || v.List != tt.list {
				t.Errorf("got %q, %v and %v, want %q, %v and %v", text, v.Err, v.List, tt.text, tt.err, tt.list)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	document, lock := Config{Prefix: "shop_"}.Keys("room")
	if document != "shop_channel_room" || lock != "shop_channel_lock_room" {
		t.Errorf("got %s and %s", document, lock)
	}
}

// Whatever a key holds can be viewed, and is what the store makes of it.
func FuzzView(f *testing.F) {
	f.Add(uint32(0), []byte(`{"lastid":0,"messages":{"_overhead_a":{"lastID":1},"1":"x","1":"y"}}`))
	f.Add(uint32(2), []byte("\x78\x9c\x03\x00\x00\x00\x00\x01"))
	f.Add(uint32(256), []byte("0"))
	f.Add(uint32(0), []byte(`{"messages":["a"],"messages":[]}`))
	f.Fuzz(func(t *testing.T, flags uint32, value []byte) {
		v := NewView(flags, value)
		if v.Err != nil {
			if len(v.Entries) > 0 {
				t.Fatalf("got %d entries of what can't be read", len(v.Entries))
			}
			return
		}
		messages := 0
		for _, e := range v.Entries {
			if e.Message != nil {
				messages++
			}
			if e.Message != nil && e.Place != nil || len(e.JSON) == 0 {
				t.Fatalf("got %+v", e)
			}
		}
		for _, e := range v.Entries {
			if e.Place != nil && e.Place.Follow > messages {
				t.Fatalf("got %d messages behind a place, of %d", e.Place.Follow, messages)
			}
		}
	})
}
