package protocol_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestAppendString(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", `""`},
		{"letters", "hello", `"hello"`},
		{"quote and backslash", `a"b\c`, `"a\"b\\c"`},
		{"short escapes", "\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"other controls", "\x00\x01\x1f", `"\u0000\u0001\u001f"`},
		{"DEL and HTML as they are", "\x7f<>&'/", "\"\x7f<>&'/\""},
		{"beyond ASCII", "é日😀", `"é日😀"`},
		{"line separators", "a\u2028b\u2029", `"a\u2028b\u2029"`},
		{"not UTF-8", "a\xffb\xc3", `"a\ufffdb\ufffd"`},
		{"a surrogate in UTF-8", "\xed\xa0\x80", `"\ufffd\ufffd\ufffd"`},
		{"the replacement itself", "\ufffd", "\"\ufffd\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(protocol.AppendString([]byte("x"), tt.in)); got != "x"+tt.want {
				t.Errorf("got %s, want x%s", got, tt.want)
			}
			if want := string(plainJSON(t, tt.in)); want != tt.want {
				t.Errorf("encoding/json has it otherwise: %s", want)
			}
		})
	}
}

// plainJSON is v as encoding/json writes it when told not to escape HTML.
func plainJSON(t testing.TB, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func TestCheckJSON(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     string // words of the error; empty: none
	}{
		{"an object", ` {"a":[1,"x",null]} `, ""},
		{"a number", "-1.5e3", ""},
		{"a surrogate pair", `"\ud83d\ude00"`, ""},
		{"a pair in capitals", `"\uD83D\uDE00"`, ""},
		{"two pairs", `"\ud83d\ude00\ud83d\ude00"`, ""},
		{"an escaped backslash before u", `"\\ud800"`, ""},
		{"three backslashes before u", `"\\\ud800"`, "surrogate pair at byte 3"},
		{"half a pair", `{"a":"x\ud800"}`, "surrogate pair at byte 7"},
		{"the other half", `["\udfff"]`, "surrogate pair at byte 2"},
		{"two first halves", `"\ud800\udbff"`, "surrogate pair at byte 1"},
		{"the last pair there is", `"\udbff\udfff"`, ""},
		{"a half, then a pair", `"\ud800\ud83d\ude00"`, "surrogate pair at byte 1"},
		{"as deep as may be", deep(protocol.MaxDepth), ""},
		{"too deep", deep(protocol.MaxDepth + 1), "deeper than 64 at byte 64"},
		{"wide and not deep", "[" + strings.Repeat("[],{},", 200) + "0]", ""},
		{"brackets in text are not deep", `"` + strings.Repeat("[{", 200) + `"`, ""},
		{"beyond what encoding/json nests", deep(20000), "not JSON"},
		{"nothing", "", "not JSON: unexpected end of JSON input at byte 0"},
		{"half an array", "[1,", "not JSON: unexpected end of JSON input at byte 3"},
		{"two values", "1 2", "not JSON"},
		{"not UTF-8", "\"\xff\"", "not valid UTF-8"},
		{"not UTF-8 behind", "1\xff", "not valid UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := protocol.CheckJSON([]byte(tt.in))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestMembers(t *testing.T) {
	type member struct{ key, value string }
	for _, tt := range []struct {
		name, in string
		want     []member
	}{
		{"empty", "{}", nil},
		{"empty with white space", " { } ", nil},
		{"one", `{"a":1}`, []member{{"a", "1"}}},
		{"order and duplicates kept", `{"b":1,"a":2,"b":3}`, []member{{"b", "1"}, {"a", "2"}, {"b", "3"}}},
		{"white space", "\n{ \"a\" :\t1 , \"b\" : [ 2 ] }\r", []member{{"a", "1"}, {"b", "[ 2 ]"}}},
		{"nested", `{"a":{"b":{"c":"}"}},"d":[{},"]"]}`, []member{{"a", `{"b":{"c":"}"}}`}, {"d", `[{},"]"]`}}},
		{"keys decoded, values not", `{"\u0061\/\ud83d\ude00":"\u0061"}`, []member{{"a/😀", `"\u0061"`}}},
		{"an empty key", `{"":null}`, []member{{"", "null"}}},
		{"texts with quotes", `{"a\"b":"c\"d\\","e":"\\"}`, []member{{`a"b`, `"c\"d\\"`}, {"e", `"\\"`}}},
		{"a key that is not UTF-8", "{\"a\xff\":1}", []member{{"a\ufffd", "1"}}},
		{"half a surrogate pair in a key", `{"\ud800":1}`, []member{{"\ufffd", "1"}}},
		{"an array has none", `[{"a":1}]`, nil},
		{"a text has none", `"{}"`, nil},
		{"a number has none", `1`, nil},
		{"nothing has none", ``, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []member
			for k, v := range protocol.Members([]byte(tt.in)) {
				got = append(got, member{k, string(v)})
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestElements(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
	}{
		{"empty", "[]", nil},
		{"empty with white space", "\t[ ]\n", nil},
		{"one", "[1]", []string{"1"}},
		{"many", `[1,"a,]",[2,[3]],{"b":[4]},null , true]`, []string{"1", `"a,]"`, "[2,[3]]", `{"b":[4]}`, "null", "true"}},
		{"an object has none", `{"a":[1]}`, nil},
		{"a text has none", `"[1]"`, nil},
		{"nothing has none", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for v := range protocol.Elements([]byte(tt.in)) {
				got = append(got, string(v))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestValuesCannotGrowIntoTheirText(t *testing.T) {
	arr := []byte(`[1,"next"]`)
	for v := range protocol.Elements(arr) {
		_ = append(v, "xx"...)
		break
	}
	obj := []byte(`{"a":1,"b":"next"}`)
	for _, v := range protocol.Members(obj) {
		_ = append(v, "xx"...)
		break
	}
	if string(arr) != `[1,"next"]` || string(obj) != `{"a":1,"b":"next"}` {
		t.Errorf("appending to a value changed the text to %s, %s", arr, obj)
	}
}

func TestMembersAndElementsCanBeLeft(t *testing.T) {
	for key := range protocol.Members([]byte(`{"a":1,"b":2}`)) {
		if key != "a" {
			t.Fatalf("went on to %q", key)
		}
		break
	}
	for v := range protocol.Elements([]byte(`[1,2]`)) {
		if string(v) != "1" {
			t.Fatalf("went on to %s", v)
		}
		break
	}
}

func TestMembersOfTwoNames(t *testing.T) {
	got := maps.Collect(protocol.Members([]byte(`{"a":1,"b":2,"a":3}`)))
	if len(got) != 2 || string(got["a"]) != "3" || string(got["b"]) != "2" {
		t.Errorf("got %s, want the last of each name", got)
	}
}

// Hostile texts must cost about as much as any text of their length. Work
// that grows with the square of the length would take minutes here, and the
// test's own deadline would end it.
func TestHostileTextsTakeLinearTime(t *testing.T) {
	const n = 1 << 18
	for _, tt := range []struct{ name, in string }{
		{"backslashes", `{"type":"` + strings.Repeat(`\\`, n/2) + `"}`},
		{"surrogate pairs", `{"type":"` + strings.Repeat(`\ud83d\ude00`, n/12) + `"}`},
		{"a half after many pairs", `{"type":"` + strings.Repeat(`\ud83d\ude00`, n/12) + `\ud83d"}`},
		{"one member again and again", `{"op":"send"` + strings.Repeat(`,"type":"t"`, n/11) + `}`},
		{"empty keys", `{"op":"send"` + strings.Repeat(`,"":0`, n/5) + `}`},
		{"a long number", `{"ref":1` + strings.Repeat("0", n) + `}`},
		{"a long from", `{"type":"t","from":1` + strings.Repeat("0", n) + `.5}`},
		{"a long exponent", `{"type":"t","from":1e-` + strings.Repeat("9", n) + `}`},
		{"white space", `{"type"` + strings.Repeat(" ", n) + `:"t"}`},
		{"wide arrays", `{"type":"t","payload":[` + strings.Repeat("[],", n/3) + `0]}`},
		{"brackets", strings.Repeat("[", n)},
		{"many clients", `{"op":"presence","clients":[` + strings.Repeat(`"a",`, n/4) + `"a"]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			protocol.ParseEnvelope(in)
			_, _ = protocol.DecodeClient(in)
			_, _ = protocol.DecodeServer(in)
			_, _, _ = protocol.DecodeClientBatch(slices.Concat([]byte("["), in, []byte("]")), protocol.MaxChannels)
			_, _ = protocol.DecodeServerBatch(slices.Concat([]byte("["), in, []byte("]")))
		})
	}
}
