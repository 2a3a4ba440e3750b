package protocol

import (
	"strings"
	"testing"
)

// FuzzAccepts: what is looked at once is judged as by him who finds the words
// for a refusal.
func FuzzAccepts(f *testing.F) {
	for _, s := range scanned {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, want := accepts(data, MaxDepth), refusal(data, MaxDepth); got != (want == nil) {
			t.Fatalf("%q: got %t, want %v", data, got, want)
		}
	})
}

// scanned are texts of which each takes another way.
var scanned = []string{
	``, ` `, `{}`, `[]`, ` [ ] `, `{ }`, `[,]`, `[1,]`, `[1 2]`, `[1`, `[`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`,
	`{1:2}`, `{"a" 1}`, `{"a":1 "b":2}`, `{"a":[{"b":null}],"c":{}}`, `}`, `]`, `[}`, `{]`, `1 2`, `x`,
	`true`, `tru`, `truex`, `false`, `null`, `nul`, `[true,false,null]`,
	`0`, `-0`, `-`, `01`, `-01`, `10`, `1.`, `1.5`, `.5`, `1e`, `1e5`, `1E+5`, `1e-`, `1.5e-10`, `+1`, `1x`, `--1`,
	`"`, `"a`, `"a"`, `"a"b`, `"\"`, `"\"a"`, `"\x"`, `"\/\b\f\n\r\t\\"`, "\"\x1f\"", "\"\x7f\"", "\"\x00\"",
	`"12345678"`, `"1234567\"`, `"12345678\n12345678"`, "\"1234567890\x0123456\"", `"!!!!!!!!#[]^ "`, `"größe 日本 😀"`,
	`"\u`, `"\u12"`, `"\u123g"`, `"\u00e9"`, `"\uABCD"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ude00"`, `"\ud83d\ud83d\ude00"`,
	"\"\xff\"", "{\"\xff\":1}", "\xef\xbb\xbf{}", "\u00a01",
	strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
	strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1),
	strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1),
	strings.Repeat("[", 20000),
}

func TestDecoded(t *testing.T) {
	for in, want := range map[string]string{
		`""`:                                "",
		`"plain, größe"`:                    "plain, größe",
		`"\"\\\/\b\f\n\r\t"`:                "\"\\/\b\f\n\r\t",
		`"a\u00e9b\u0000"`:                  "aéb\x00",
		`"\ud83d\ude00!"`:                   "😀!",
		`"\ud83d!\ude00"`:                   "\ufffd!\ufffd",
		`"\ud83d\ud83d\ude00"`:              "\ufffd😀",
		"\"\xff\xc3\"":                      "\ufffd\ufffd",
		"\"\xff\\n\xc3\"":                   "\ufffd\n\ufffd",
		`"` + strings.Repeat("é", 99) + `"`: strings.Repeat("é", 99),
	} {
		if got := string(decoded([]byte(in))); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
	text := []byte(`"plain"`)
	if s := decoded(text); &s[0] != &text[1] || cap(s) != len(s) {
		t.Error("a plain text is copied, or may be appended to")
	}
}
