package phpserial_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
)

func addTexts(f *testing.F) {
	for _, c := range captures(f) {
		f.Add(c.Value)
		if _, payload, ok := bytes.Cut(c.Value, []byte(`s:7:"payload";`)); ok {
			f.Add(payload[:len(payload)-1])
		}
	}
	for _, in := range []string{
		`s:999999999:"x"`, `s:-5:"x";`, `a:999999999:{`, nested(70), doubling(20), acquaintances(6),
		"O:1:\"A\":2:{s:4:\"\x00B\x00y\";i:1;s:4:\"\x00A\x00y\";i:2;}", `a:1:{s:7:"__class";s:1:"A";}`,
		"a:2:{s:1:\"\xff\";d:NAN;i:0;s:2:\"\xff\xfe\";}", `a:3:{i:0;C:1:"S":2:{ab}i:1;r:2;i:2;R:9;}`,
		`a:2:{i:0;E:3:"A:B";i:1;r:2;}`, `a:4:{i:0;i:-0;i:1;d:-0;i:2;d:1.0E+25;i:3;d:1e999;}`,
	} {
		f.Add([]byte(in))
	}
}

func wantKnownError(t *testing.T, err error, known ...error) {
	t.Helper()
	for _, k := range known {
		if errors.Is(err, k) {
			if !strings.Contains(err.Error(), "byte") && !strings.Contains(err.Error(), "not JSON") && !strings.Contains(err.Error(), "UTF-8") {
				t.Fatalf("error %q tells no place", err)
			}
			return
		}
	}
	t.Fatalf("got error %v, want one of %v", err, known)
}

// wantFit wants JSON that may go into a frame and names nothing twice.
func wantFit(t *testing.T, got json.RawMessage, most int) {
	t.Helper()
	if err := protocol.CheckJSON(got); err != nil {
		t.Fatalf("got %.300q: %v", got, err)
	}
	if len(got) > most {
		t.Fatalf("got %d bytes, the most is %d", len(got), most)
	}
	if parseTree(t, got).hasKeyTwice() {
		t.Fatalf("got %.300q, with a key twice", got)
	}
}

func FuzzDecode(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		for _, l := range []phpserial.Limits{{}, {Input: 4096, Depth: 4, Elements: 20, Output: 200}} {
			got, err := phpserial.Decode(data, l)
			if !bytes.Equal(data, before) {
				t.Fatal("the input was changed")
			}
			if err != nil {
				wantKnownError(t, err, phpserial.ErrSyntax, phpserial.ErrLimit)
				continue
			}
			most := 64<<10 + 8*len(data)
			if l.Output > 0 {
				most = l.Output
			}
			wantFit(t, got, most)
		}
	})
}

// A message that is read and written and read again is the same.
func FuzzParseNative(f *testing.F) {
	addTexts(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := phpserial.ParseNative(data)
		if err != nil {
			wantKnownError(t, err, phpserial.ErrSyntax, phpserial.ErrLimit, phpserial.ErrMessage)
			return
		}
		wantFit(t, n.Payload, 64<<10+8*len(data))
		text, err := phpserial.AppendNative(nil, phpserial.Native{Type: n.Type, ID: n.ID, Payload: n.Payload})
		if errors.Is(err, phpserial.ErrLimit) || err != nil && parseTree(t, n.Payload).hasBytes() {
			return
		}
		if err != nil {
			t.Fatalf("%.300q is not written: %v", n.Payload, err)
		}
		again, err := phpserial.ParseNative(text)
		if err != nil || again.Type != n.Type || again.ID != n.ID || !bytes.Equal(again.Payload, n.Payload) {
			t.Fatalf("%+v\ncame back as %+v, error %v", n, again, err)
		}
	})
}

func FuzzAppendNative(f *testing.F) {
	for _, payload := range []string{
		`null`, `[true,false,1,-0,1.5e10,9223372036854775808,"a\u0000\ud83d\ude00"]`, `{"0":{"1":[],"":{}},"-5":{"__class":"A"}}`,
		`{"__b64":"/w=="}`, `{"a":1,"a":2}`, `[1e999]`, " { \"O:1\" : \"O:1:\\\"A\\\":0:{}\" } ", strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		f.Add("message", "6b0386a5611b6", []byte(payload))
	}
	f.Add("\xff", "", []byte(`1`))
	f.Fuzz(func(t *testing.T, typ, id string, payload []byte) {
		text, err := phpserial.AppendNative(nil, phpserial.Native{Type: typ, ID: id, Payload: payload})
		if err != nil {
			wantKnownError(t, err, phpserial.ErrRefused, phpserial.ErrLimit)
			if utf8.ValidString(typ+" "+id) && len(typ)+len(id)+len(payload) < 10000 {
				wantAReason(t, payload, err)
			}
			return
		}
		if rest := skipPlain(string(text)); rest != "" {
			t.Fatalf("%q is more than null, booleans, numbers, strings and arrays at %q", text, rest)
		}
		n, err := phpserial.ParseNative(text)
		if err != nil || n.Type != typ || n.ID != id {
			t.Fatalf("%q\ncame back as %+v, error %v", text, n, err)
		}
		if len(payload) > 0 {
			wantSame(t, n.Payload, string(payload))
		}
	})
}

// wantAReason wants something in payload that may be refused.
func wantAReason(t *testing.T, payload []byte, err error) {
	t.Helper()
	if protocol.CheckJSON(payload) != nil {
		return
	}
	tree := parseTree(t, payload)
	if !tree.hasKeyTwice() && !tree.hasBytes() && !tree.hasNoFloat() && tree.depth() < phpserial.MaxDepth {
		t.Fatalf("%q was refused: %v", payload, err)
	}
}

// skipPlain is what is left of text behind one value without any object or
// reference; it is as simple as can be and looks at nothing else.
func skipPlain(text string) string {
	if rest, ok := strings.CutPrefix(text, "N;"); ok {
		return rest
	}
	var kind byte
	var n int
	if _, err := fmt.Sscanf(text, "%c:", &kind); err != nil {
		return text
	}
	number, rest, _ := strings.Cut(text[2:], map[byte]string{'s': ":", 'a': ":"}[kind]+map[byte]string{'b': ";", 'i': ";", 'd': ";"}[kind])
	switch kind {
	case 'b', 'i', 'd':
		return rest
	case 's':
		n, _ = strconv.Atoi(number)
		return rest[n+3:] // quotes and semicolon
	case 'a':
		n, _ = strconv.Atoi(number)
		rest = strings.TrimPrefix(rest, "{")
		for range 2 * n {
			rest = skipPlain(rest)
		}
		if inner, ok := strings.CutPrefix(rest, "}"); ok {
			return inner
		}
	}
	return "no plain value: " + text
}
