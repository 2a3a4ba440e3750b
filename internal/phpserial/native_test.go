package phpserial_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/commchannel/gateway/internal/phpserial"
	"github.com/commchannel/gateway/protocol"
)

func lines[T any](t testing.TB, name string) []T {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for line := range bytes.Lines(text) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v in %s", name, err, line)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return all
}

// A capture is a message that the seed's NativeCommChannel wrote.
type capture struct {
	ID    string // of the message
	Value []byte `json:"value_b64"`
}

func captures(t testing.TB) []capture { return lines[capture](t, "native_payloads.jsonl") }

func TestParseNativeReadsTheSeedsMessages(t *testing.T) {
	got := map[string]phpserial.Native{}
	for _, c := range captures(t) {
		n, err := phpserial.ParseNative(c.Value)
		if err != nil {
			t.Errorf("message %s: %v", c.ID, err)
		}
		got[c.ID] = n
	}
	wants := lines[struct{ Message, Type, ID, Payload string }](t, "native_payloads_want.jsonl")
	for _, want := range wants {
		n := got[want.Message]
		if n.Type != want.Type || n.ID != want.ID || string(n.Payload) != want.Payload {
			t.Errorf("message %s: got %+v (payload %s)\nwant %+v", want.Message, n, n.Payload, want)
		}
		delete(got, want.Message)
	}
	if len(got) > 0 {
		t.Errorf("nothing is wanted of %d messages: %v", len(got), got)
	}
}

func TestParseNativeReadsTheSeedsChannel(t *testing.T) {
	channels := lines[struct{ Name, Plain string }](t, "native_channel_raw.jsonl")
	i := slices.IndexFunc(channels, func(c struct{ Name, Plain string }) bool { return c.Name == "native-channel" })
	var doc struct{ Messages json.RawMessage }
	if err := json.Unmarshal([]byte(channels[i].Plain), &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for id, raw := range protocol.Members(doc.Messages) {
		var text string
		if strings.HasPrefix(id, "_") {
			continue
		}
		if err := json.Unmarshal(raw, &text); err != nil {
			t.Fatal(err)
		}
		n, err := phpserial.ParseNative([]byte(text))
		got = append(got, fmt.Sprint(n.Type, " ", n.ID, " ", string(n.Payload), " ", err))
	}
	want := []string{
		`message 6b0386a5611b6 "hello" <nil>`,
		`cfg 6b0386a56120f {"a":1,"l":[1,2]} <nil>`,
		`obj 6b0386a56127a {"__class":"Pt","x":1,"y":"p","z":null} <nil>`,
		`reply 6b0386a5611b6 "pong" <nil>`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestParseNative(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"another order", `a:3:{s:7:"payload";i:1;s:2:"id";s:1:"i";s:4:"type";s:1:"t";}`, `t i 1`},
		{"further keys", `a:5:{s:4:"type";s:1:"t";i:0;N;s:2:"id";s:1:"i";s:4:"from";s:1:"f";s:7:"payload";N;}`, `t i null`},
		{"integers as texts", `a:3:{s:4:"type";i:5;s:2:"id";i:-77;s:7:"payload";b:1;}`, `5 -77 true`},
		{"empty texts", `a:3:{s:4:"type";s:0:"";s:2:"id";s:0:"";s:7:"payload";s:0:"";}`, `  ""`},
		{"references between them", `a:3:{s:4:"type";s:1:"t";s:2:"id";R:2;s:7:"payload";R:2;}`, `t t "t"`},
		{"a payload that holds the message", `a:3:{s:4:"type";s:1:"t";s:2:"id";R:2;s:7:"payload";a:1:{i:0;R:1;}}`,
			`t t [{"type":"t","id":"t","payload":{"__ref":3}}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := phpserial.ParseNative([]byte(tt.in))
			if got := n.Type + " " + n.ID + " " + string(n.Payload); err != nil || got != tt.want {
				t.Errorf("got %s, error %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestParseNativeRefuses(t *testing.T) {
	const begin = `a:3:{s:4:"type";s:1:"t";s:2:"id";s:1:"i";s:7:"payload";`
	for _, tt := range []struct {
		name, in string
		want     error
		text     string
	}{
		{"no serialization", `hello`, phpserial.ErrSyntax, `'h' begins no value at byte 0`},
		{"JSON", `{"type":"t"}`, phpserial.ErrSyntax, `'{' begins no value at byte 0`},
		{"a text", `s:5:"hello";`, phpserial.ErrMessage, `no array with a "payload" at byte 0`},
		{"a list", `a:3:{i:0;s:1:"t";i:1;s:1:"i";i:2;N;}`, phpserial.ErrMessage, `no array with a "payload" at byte 0`},
		{"an object", `O:1:"M":3:{s:4:"type";s:1:"t";s:2:"id";s:1:"i";s:7:"payload";N;}`, phpserial.ErrMessage, `no array with a "payload" at byte 0`},
		{"no payload", `a:2:{s:4:"type";s:1:"t";s:2:"id";s:1:"i";}`, phpserial.ErrMessage, `no array with a "payload" at byte 0`},
		{"no type", `a:2:{s:2:"id";s:1:"i";s:7:"payload";N;}`, phpserial.ErrMessage, `no text as "type"`},
		{"no id", `a:2:{s:4:"type";s:1:"t";s:7:"payload";N;}`, phpserial.ErrMessage, `no text as "id"`},
		{"a type of null", `a:3:{s:4:"type";N;s:2:"id";s:1:"i";s:7:"payload";N;}`, phpserial.ErrMessage, `no text as "type"`},
		{"a type that is not UTF-8", "a:3:{s:4:\"type\";s:1:\"\xff\";s:2:\"id\";s:1:\"i\";s:7:\"payload\";N;}", phpserial.ErrMessage, `no text as "type"`},
		{"an id of an array", `a:3:{s:4:"type";s:1:"t";s:2:"id";a:0:{}s:7:"payload";N;}`, phpserial.ErrMessage, `no text as "id"`},
		{"trailing bytes", begin + `N;}}`, phpserial.ErrSyntax, `1 bytes too many`},
		{"a payload too deep", begin + nested(64) + `}`, phpserial.ErrLimit, `deeper than 64`},
		{"bytes too deep", begin + nested(63)[:63*9] + "s:1:\"\xff\";" + strings.Repeat("}", 64), phpserial.ErrLimit, `JSON deeper than 64`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, err := phpserial.ParseNative([]byte(tt.in))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || n.Payload != nil {
				t.Errorf("got %+v, error %v, want %v with %q", n, err, tt.want, tt.text)
			}
		})
	}
	if _, err := phpserial.ParseNative([]byte(begin + nested(63) + `}`)); err != nil {
		t.Errorf("a payload as deep as can be: %v", err)
	}
}

func TestAppendNative(t *testing.T) {
	for _, tt := range []struct{ name, payload, want string }{
		{"nothing", ``, `N;`},
		{"null", `null`, `N;`},
		{"booleans", `[true,false]`, `a:2:{i:0;b:1;i:1;b:0;}`},
		{"integers", `[0,-5,9007199254740993]`, `a:3:{i:0;i:0;i:1;i:-5;i:2;i:9007199254740993;}`},
		{"the widest integers", `[9223372036854775807,-9223372036854775808]`, `a:2:{i:0;i:9223372036854775807;i:1;i:-9223372036854775808;}`},
		{"wider integers", `[9223372036854775808,100000000000000000000000]`, `a:2:{i:0;d:9.223372036854776E+18;i:1;d:1E+23;}`},
		{"floats", `[0.1,1.0,1e100,1E-7,2e0]`, `a:5:{i:0;d:0.1;i:1;d:1;i:2;d:1E+100;i:3;d:1E-07;i:4;d:2;}`},
		{"nought below nought", `[-0,-0.0,1e-999]`, `a:3:{i:0;d:-0;i:1;d:-0;i:2;d:0;}`},
		{"bytes are counted", `"hé😀"`, "s:7:\"h\u00e9\U0001f600\";"},
		{"escapes", `"\u0000\"\\\/\u00e9\ud83d\ude00"`, "s:10:\"\x00\"\\/\u00e9\U0001f600\";"},
		{"what looks like serialization", `"\";O:1:\"A\":0:{}"`, `s:14:"";O:1:"A":0:{}";`},
		{"an empty object", `{}`, `a:0:{}`},
		{"keys", `{"b":1,"a":2}`, `a:2:{s:1:"b";i:1;s:1:"a";i:2;}`},
		{"keys that are integers to PHP", `{"7":1,"-7":2,"9223372036854775807":3,"-9223372036854775808":4}`,
			`a:4:{i:7;i:1;i:-7;i:2;i:9223372036854775807;i:3;i:-9223372036854775808;i:4;}`},
		{"keys that are not", `{"07":1,"-0":2,"":3,"1.5":4,"9223372036854775808":5," 1":6,"+1":7}`,
			`a:7:{s:2:"07";i:1;s:2:"-0";i:2;s:0:"";i:3;s:3:"1.5";i:4;s:19:"9223372036854775808";i:5;s:2:" 1";i:6;s:2:"+1";i:7;}`},
		{"an escaped key", `{"\u0031":1}`, `a:1:{i:1;i:1;}`},
		{"what PHP's objects look like", `{"__class":"Point","x":1}`, `a:2:{s:7:"__class";s:5:"Point";s:1:"x";i:1;}`},
		{"what PHP's enums look like", `{"__enum":"Suit:H"}`, `a:1:{s:6:"__enum";s:6:"Suit:H";}`},
		{"a reference", `{"__ref":1}`, `a:1:{s:5:"__ref";i:1;}`},
		{"bytes and more", `{"__b64":"/w==","x":1}`, `a:2:{s:5:"__b64";s:4:"/w==";s:1:"x";i:1;}`},
		{"more and bytes", `{"x":1,"__b64":"/w=="}`, `a:2:{s:1:"x";i:1;s:5:"__b64";s:4:"/w==";}`},
		{"bytes that are no text", `{"__b64":[1]}`, `a:1:{s:5:"__b64";a:1:{i:0;i:1;}}`},
		{"white space", " \r\n\t[ 1 , { \"a\" : null } ]\n ", `a:2:{i:0;i:1;i:1;a:1:{s:1:"a";N;}}`},
		{"a number and white space", " 5 ", `i:5;`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phpserial.AppendNative([]byte("before "), phpserial.Native{Type: "typ", ID: "i\"d", Payload: json.RawMessage(tt.payload)})
			want := `before a:3:{s:4:"type";s:3:"typ";s:2:"id";s:3:"i"d";s:7:"payload";` + tt.want + `}`
			if err != nil || string(got) != want {
				t.Errorf("got  %s, error %v\nwant %s", got, err, want)
			}
			if _, err := phpserial.ParseNative(got[len("before "):]); err != nil {
				t.Errorf("does not come back: %v", err)
			}
		})
	}
}

func TestAppendNativeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, typ, payload string
		want               error
		text               string
	}{
		{"a type that is not UTF-8", "\xff", `1`, phpserial.ErrRefused, "type, id or from is not valid UTF-8"},
		{"no JSON", "t", `{"a"`, phpserial.ErrRefused, "not JSON: unexpected end"},
		{"white space alone", "t", ` `, phpserial.ErrRefused, "not JSON"},
		{"two values", "t", `1 2`, phpserial.ErrRefused, "not JSON"},
		{"not UTF-8", "t", "\"\xff\"", phpserial.ErrRefused, "not valid UTF-8"},
		{"half a surrogate pair", "t", `"\ud800"`, phpserial.ErrRefused, "half a surrogate pair at byte 1"},
		{"bytes", "t", `{"__b64":"/w=="}`, phpserial.ErrRefused, "bytes that are not UTF-8, on which PHP would wipe the channel, at byte 0"},
		{"bytes deep inside", "t", `[1, {"a": {"__b64" : "YQ=="}}]`, phpserial.ErrRefused, "wipe the channel, at byte 10"},
		{"bytes by another spelling", "t", `{"__b6\u0034":""}`, phpserial.ErrRefused, "wipe the channel, at byte 0"},
		{"a key twice", "t", `{"a":1, "\u0061":2}`, phpserial.ErrRefused, `the key "a" a second time at byte 8`},
		{"a number beyond floats", "t", `[1e999]`, phpserial.ErrRefused, "a number that no float holds at byte 1"},
		{"digits beyond floats", "t", strings.Repeat("9", 400), phpserial.ErrRefused, "a number that no float holds at byte 0"},
		{"too deep", "t", strings.Repeat("[", 64) + strings.Repeat("]", 64), phpserial.ErrLimit, "deeper than 63 at byte 63"},
		{"far too deep", "t", strings.Repeat("[", 65) + strings.Repeat("]", 65), phpserial.ErrRefused, "JSON deeper than 64 at byte 64"},
		{"a payload too long", "t", `"` + strings.Repeat("x", phpserial.MaxInput) + `"`, phpserial.ErrLimit, "a payload of 1048578 bytes"},
		{"a text too long", "t", `"` + strings.Repeat("x", phpserial.MaxInput-40) + `"`, phpserial.ErrLimit, "more than 1048576 bytes"},
		{"a type too long", strings.Repeat("x", phpserial.MaxInput), `1`, phpserial.ErrLimit, "more than 1048576 bytes"},
		{"too many", "t", "[" + strings.Repeat("1,", phpserial.MaxElements-3) + "1]", phpserial.ErrLimit, "more than 65536 elements"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := phpserial.AppendNative([]byte("before"), phpserial.Native{Type: tt.typ, ID: "id", Payload: json.RawMessage(tt.payload)})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got error %v, want %v with %q", err, tt.want, tt.text)
			}
			if string(got) != "before" {
				t.Errorf("got %.100s besides the error", got)
			}
		})
	}
}

// What is as big as can be can be read again.
func TestAppendNativeWritesWhatCanBeRead(t *testing.T) {
	for _, tt := range []struct{ name, payload string }{
		{"depth", strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63)},
		{"elements", "[" + strings.Repeat("1,", phpserial.MaxElements-4) + "1]"},
		{"escapes", `"` + strings.Repeat(`\u0000`, phpserial.MaxInput/6-1) + `"`},
		{"line separators", `"` + strings.Repeat("\u2028", phpserial.MaxInput/3-50) + `"`},
		{"short floats", "[" + strings.Repeat("1e20,", 55000) + "1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := phpserial.AppendNative(nil, phpserial.Native{Type: "t", ID: "i", Payload: json.RawMessage(tt.payload)})
			if err != nil {
				t.Fatal(err)
			}
			n, err := phpserial.ParseNative(text)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, n.Payload, tt.payload)
		})
	}
}

func TestNativeRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		payload := randomJSON(r, 6)
		text, err := phpserial.AppendNative(nil, phpserial.Native{Type: "typ", ID: "6b0386a5611b6", Payload: json.RawMessage(payload)})
		if err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
		n, err := phpserial.ParseNative(text)
		if err != nil || n.Type != "typ" || n.ID != "6b0386a5611b6" {
			t.Fatalf("%s\n as %s\n came back as %+v, error %v", payload, text, n, err)
		}
		wantSame(t, n.Payload, payload)
	}
}

// wantSame wants of got what payload becomes when PHP has it.
func wantSame(t testing.TB, got json.RawMessage, payload string) {
	t.Helper()
	g, w := parseTree(t, got).String(), parseTree(t, []byte(payload)).asArrays().String()
	if g != w {
		t.Fatalf("%.500s\ncame back as %.500s\n        want %.500s", payload, g, w)
	}
}
