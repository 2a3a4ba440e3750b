package memlog

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSlotBytes(t *testing.T) {
	got := appendSlot(nil, 0xdeadbeef, "id-1", []byte("text"))
	if want := "\x01\xde\xad\xbe\xef\x04id-1text"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSlotOf(t *testing.T) {
	long := strings.Repeat("i", maxID)
	tests := []struct {
		name string
		item item
		want slot
	}{
		{"missing", item{}, slot{}},
		{"message", item{found: true, value: []byte("\x01\x00\x00\x00\x07\x02idtext")}, slot{slotMessage, 7, "id", []byte("text")}},
		{"no text", item{found: true, value: []byte("\x01\x00\x00\x00\x07\x02id")}, slot{slotMessage, 7, "id", nil}},
		{"the longest id", item{found: true, value: []byte("\x01\x00\x00\x00\x07\xff" + long)}, slot{slotMessage, 7, long, nil}},
		{"tombstone", item{found: true, flags: 1, value: []byte("\xffT")}, slot{kind: slotLost}},
		{"tombstone by another's hand", item{found: true, flags: 1, value: []byte("0")}, slot{kind: slotLost}},
		{"void", item{found: true, flags: 2, value: []byte("\xffV")}, slot{kind: slotVoid}},
		{"unknown flags", item{found: true, flags: 3, value: []byte("\x01\x00\x00\x00\x07\x02id")}, slot{kind: slotLost}},
		{"unknown version", item{found: true, value: []byte("\x02\x00\x00\x00\x07\x02id")}, slot{kind: slotLost}},
		{"empty", item{found: true}, slot{kind: slotLost}},
		{"half a header", item{found: true, value: []byte("\x01\x00\x00\x00\x07")}, slot{kind: slotLost}},
		{"half an id", item{found: true, value: []byte("\x01\x00\x00\x00\x07\x03id")}, slot{kind: slotLost}},
		{"no id", item{found: true, value: []byte("\x01\x00\x00\x00\x07\x00text")}, slot{kind: slotLost}},
		{"id not UTF-8", item{found: true, value: []byte("\x01\x00\x00\x00\x07\x02\xffitext")}, slot{kind: slotLost}},
		{"text not UTF-8", item{found: true, value: []byte("\x01\x00\x00\x00\x07\x02id\xff")}, slot{kind: slotLost}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := slotOf(test.item)
			if got.kind != test.want.kind || got.epoch != test.want.epoch || got.id != test.want.id || !bytes.Equal(got.text, test.want.text) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func FuzzDecodeSlot(f *testing.F) {
	for _, seed := range []string{"", "\x01\x00\x00\x00\x07\x02idtext", "\x01\x00\x00\x00\x07\xffid", "\xffT", "\xffV", "\x01\xff\xff\xff\xff\x01i\xc3\xa9"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		s, err := decodeSlot(value)
		if err != nil {
			return
		}
		if again := appendSlot(nil, s.epoch, s.id, s.text); !bytes.Equal(again, value) {
			t.Errorf("%q is written anew as %q", value, again)
		}
		if s.id == "" || !utf8.ValidString(s.id) || !utf8.Valid(s.text) {
			t.Errorf("got id %q and text %q", s.id, s.text)
		}
		_ = append(s.text, "grown"...)
		if again, _ := decodeSlot(value); !bytes.Equal(again.text, s.text) {
			t.Error("appending to the text changed the value")
		}
	})
}
