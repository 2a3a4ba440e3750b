package memcache

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

func TestCursorForms(t *testing.T) {
	raw := func(s string) []byte { return []byte(s) }
	tests := []struct {
		name, id string
		raw      []byte
		want     protocol.Cursor
	}{
		{"PHP's id", "6b0378e284a91", raw(`"hello"`), "6b0378e284a91.LPJNul-w"},
		{"our id", "g64e0c3a2d1f5b-0123456789ab", raw(`"hello"`), "g64e0c3a2d1f5b-0123456789ab.LPJNul-w"},
		{"written in another way", "6b0378e284a91", raw(`"h\u0065llo"`), "6b0378e284a91.LPJNul-w"},
		{"longest that is shown", strings.Repeat("x", 54), raw(`"hello"`), protocol.Cursor(strings.Repeat("x", 54) + ".LPJNul-w")},
		{"too long to be shown", strings.Repeat("x", 55), raw(`"hello"`), "~"},
		{"not URL-safe", "é/", raw(`"hello"`), "~"},
		{"empty", "", raw(`"hello"`), "~"},
		{"begins as a time does", "-", raw(`"hello"`), "~"},
		{"begins as a hash does", "~x", raw(`"hello"`), "~"},
	}
	seen := map[protocol.Cursor]string{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := entry{test.id, test.raw}.cursor()
			if test.want == "~" {
				if len(got) != 23 || got[0] != '~' {
					t.Errorf("got %q, want ~ and 22 characters", got)
				}
				if other, ok := seen[got]; ok {
					t.Errorf("%q has the cursor of %q", test.id, other)
				}
				seen[got] = test.id
			} else if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, c := range []protocol.Cursor{got, "_" + got} {
				if err := protocol.CheckCursor(c); err != nil {
					t.Errorf("%q: %v", c, err)
				}
			}
			if got := parsePlace("_" + got); got.kind != before {
				t.Errorf("the place before it: got %+v", got)
			}
		})
	}
}

func TestCursorsTellValuesApart(t *testing.T) {
	values := []string{`"1"`, `1`, `"true"`, `true`, `false`, `null`, `"null"`, `[]`, `""`, `[1]`, `["1",2]`, `[[1]]`, `{"a":1}`, `{"b":1}`, `1.5`, `[1,[2]]`, `[[1],2]`}
	seen := map[protocol.Cursor]string{}
	for _, v := range values {
		c := entry{"id", []byte(v)}.cursor()
		if other, ok := seen[c]; ok {
			t.Errorf("%s has the cursor of %s", v, other)
		}
		seen[c] = v
	}
}

func TestPlaces(t *testing.T) {
	tests := []struct {
		cursor protocol.Cursor
		want   place
	}{
		{"", place{kind: oldest}},
		{"6b0378e284a91.LPJNul-w", place{kind: behind, cursor: "6b0378e284a91.LPJNul-w"}},
		{"_6b0378e284a91.LPJNul-w", place{kind: before, cursor: "6b0378e284a91.LPJNul-w"}},
		{"-.mwsgfb74.abcdefgh", place{kind: empty, time: 1795389286000, life: "abcdefgh"}},
		{"-.mwsgfb74", place{}},
		{"-.MWSGFB74.abcdefgh", place{}},
		{"-.0mwsgfb74.abcdefgh", place{}},
		{"-.-1.abcdefgh", place{}},
		{"-.+1.abcdefgh", place{}},
		{"-.zzzzzzzzzzzzzzzzzzzzz.abcdefgh", place{}},
		{"-..x", place{}},
		{"a b", place{}},
		{"é", place{}},
		{protocol.Cursor(strings.Repeat("x", 65)), place{}},
	}
	for _, test := range tests {
		if test.want.kind == empty {
			test.want.time = time.UnixMilli(test.want.time).UnixMilli()
			if c := emptyCursor(test.want.time, test.want.life); c != test.cursor {
				t.Errorf("cursor of %+v: got %q, want %q", test.want, c, test.cursor)
			}
		}
		if got := parsePlace(test.cursor); got != test.want {
			t.Errorf("place of %q: got %+v, want %+v", test.cursor, got, test.want)
		}
	}
}

// How long a place in an empty channel is good where nobody follows it.
func TestPlacesOfEmptyChannelsAge(t *testing.T) {
	now := time.UnixMilli(1_795_389_286_000)
	d, err := decode([]byte(`{"lastid":0,"messages":{"_overhead_x":{"lastID":false},"a":"1"}}`))
	if err != nil {
		t.Fatal(err)
	}
	for age, wantGap := range map[time.Duration]bool{
		-2 * time.Second: true, // a clock that differs by more than skew
		-time.Second:     false,
		0:                false,
		26 * time.Second: false,
		27 * time.Second: true, // a whole document may have come and gone
		time.Hour:        true,
	} {
		c := emptyCursor(now.Add(-age).UnixMilli(), "life")
		for name, d := range map[string]*document{"with a message": d, "missing": newDocument()} {
			p, _ := d.page(parsePlace(c), 10, look{begun: now, life: "life"})
			if want := len(d.entries) / 2; p.Gap != wantGap || len(p.Messages) != want {
				t.Errorf("%s, age %v: got gap %v and %d messages, want gap %v and %d", name, age, p.Gap, len(p.Messages), wantGap, want)
			}
			p, _ = d.page(parsePlace(c), 10, look{begun: now, life: "other"})
			if !p.Gap {
				t.Errorf("%s, age %v, another life: no gap", name, age)
			}
		}
	}
}

func FuzzPlace(f *testing.F) {
	for _, c := range []string{"", "6b0378e284a91.LPJNul-w", "_x.AAAAAAAA", "-.mwsgfb74.abcdefgh", "~AAAAAAAAAAAAAAAAAAAAAA", "__", "-.", "."} {
		f.Add(c)
	}
	d, err := decode([]byte(`{"lastid":0,"messages":{"_p":"","a":"1","é":"2","7":3}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, c string) {
		at := parsePlace(protocol.Cursor(c))
		p, found := d.page(at, 10, look{begun: time.UnixMilli(1_795_389_286_000), life: "life"})
		if err := protocol.CheckCursor(p.Cursor); err != nil {
			t.Fatalf("page behind %q: %v", c, err)
		}
		if p.Gap == found {
			t.Fatalf("found %v and gap %v", found, p.Gap)
		}
		v := newView(t)
		v.sees(`"a":"1"`)
		if p, ok := v.f.page(at, 10); ok && protocol.CheckCursor(p.Cursor) != nil {
			t.Fatalf("record behind %q: cursor %q", c, p.Cursor)
		}
		_ = fmt.Sprint(d.lastIDAt(at, "_overhead_x"))
	})
}
