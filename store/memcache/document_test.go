package memcache

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	gomemcache "github.com/bradfitz/gomemcache/memcache"
	"github.com/google/go-cmp/cmp"
)

// A capture is one item as PHP left it in memcached.
type capture struct {
	Name    string  `json:"name"`
	Key     string  `json:"key"`
	Flags   uint32  `json:"flags"`
	Missing bool    `json:"missing"`
	Value   string  `json:"value_b64"`
	Plain   *string `json:"plain"`
}

func (c capture) item(t testing.TB) *gomemcache.Item {
	t.Helper()
	if c.Missing {
		return nil
	}
	value, err := base64.StdEncoding.DecodeString(c.Value)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	return &gomemcache.Item{Key: c.Key, Flags: c.Flags, Value: value}
}

func captures(t testing.TB, file string) []capture {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []capture
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c capture
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// pairs is what a document holds, as "id value".
func pairs(d *document) []string {
	out := []string{}
	for _, e := range d.entries {
		out = append(out, e.id+" "+string(e.text()))
	}
	return out
}

// slowPairs finds the same by encoding/json.
func slowPairs(t testing.TB, text []byte) []string {
	t.Helper()
	var outer struct {
		Messages json.RawMessage `json:"messages"`
	}
	if err := json.Unmarshal(text, &outer); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	dec := json.NewDecoder(bytes.NewReader(outer.Messages))
	open, err := dec.Token()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; dec.More(); i++ {
		id := fmt.Sprint(i)
		if open == json.Delim('{') {
			token, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			id = token.(string)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
		var text string
		if value[0] != '"' || json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		out = append(out, id+" "+text)
	}
	return out
}

// Everything that was captured from the PHP library decodes to what is there.
func TestCapturesOfPHP(t *testing.T) {
	const newLine = "\t\r\n\u2028"
	want := map[string][]string{
		"never-written":            {},
		"invalid-utf8-wipes":       {},
		"after-removeClient-empty": {},
		"first-poll-of-empty":      {`_overhead_alice {"lastID":"_overhead_alice"}`},
		"one-message-no-client":    {"6b0389cb1e082 hello"},
		"one-message-then-join":    {"6b0389cb2233c hello", `_overhead_alice {"lastID":"_overhead_alice"}`},
		"numeric-ids": {"123 num", "6503776698267 num13", "0123 lead0", "-5 neg", "9223372036854775807 max",
			"9223372036854775808 max+1", "1e5 exp", " empty", `_overhead_alice {"lastID":77}`, "77 x"},
		"ids-0-1-2": {"0 a", "1 b", "2 c"},
		"id-0-only": {"0 a"},
		"ids-1-0":   {"1 a", "0 b"},
		"unicode":   {"6b0389cb44570 héllo / 你好 \U0001f600 \"q\" <&'> \x00\a\x7f" + newLine},
		"non-string-messages": {`6b0389cb50a7a {"k":{"n":1,"e":[],"l":[1,2]}}`, "6b0389cb50b6c 42", "6b0389cb50be9 1.5",
			"6b0389cb50c54 true", "6b0389cb50d03 null"},
		"numeric-ids-roundtrip": {`_overhead_alice {"lastID":78}`, "77 x", "78 y"},
		"underscore-id":         {`_overhead_x {"lastID":"shown"}`, "_hidden h", "shown s"},
	}
	all := captures(t, "testdata/legacy_channels.jsonl")
	if len(all) < 35 {
		t.Fatalf("got %d captures, want 35 at least", len(all))
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			item := c.item(t)
			d, err := unpack(item)
			if c.Name == "lock-held" {
				if err == nil {
					t.Error("a lock was taken for a channel")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := want[c.Name]; ok {
				if diff := cmp.Diff(w, pairs(d)); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
				delete(want, c.Name)
			}
			if d.json == nil {
				return
			}
			if c.Plain != nil && *c.Plain != string(d.json) {
				t.Errorf("plain text: got %q, want %q", d.json, *c.Plain)
			}
			if diff := cmp.Diff(slowPairs(t, d.json), pairs(d)); diff != "" {
				t.Errorf("entries, as encoding/json has them (-want +got):\n%s", diff)
			}
		})
	}
	for name := range want {
		t.Errorf("there is no capture %q", name)
	}
}

func TestDecodeIsAsLenientAsPHP(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		splice     bool
	}{
		{"as PHP writes it", `{"lastid":0,"messages":{"a":"1"}}`, []string{"a 1"}, true},
		{"empty list", `{"lastid":0,"messages":[]}`, []string{}, false},
		{"empty object", `{"lastid":0,"messages":{}}`, []string{}, true},
		{"list", `{"lastid":0,"messages":["x",{"y":1}]}`, []string{"0 x", `1 {"y":1}`}, false},
		{"white space", " {\n\"lastid\" : 0 ,\t\"messages\" : { \"a\" : \"1\" , \"b\":\"2\" } }\r\n ", []string{"a 1", "b 2"}, true},
		{"other order", `{"messages":{"a":"1"},"lastid":0}`, []string{"a 1"}, false},
		{"no lastid", `{"messages":{"a":"1"}}`, []string{"a 1"}, true},
		{"lastid null", `{"lastid":null,"messages":{"a":"1"}}`, []string{"a 1"}, true},
		{"no messages", `{"lastid":0}`, []string{}, false},
		{"messages null", `{"lastid":0,"messages":null}`, []string{}, false},
		{"nothing", `{}`, []string{}, false},
		{"further members", `{"lastid":0,"x":{"y":[1,"}"]},"messages":{"a":"1"}}`, []string{"a 1"}, true},
		{"repeated id", `{"lastid":0,"messages":{"a":"1","b":"2","a":"3"}}`, []string{"a 3", "b 2"}, true},
		{"messages twice", `{"messages":{"a":"1"},"messages":{"b":"2"}}`, []string{"b 2"}, true},
		{"escaped names", `{"l\u0061stid":0,"\u006dessages":{"\u0061\/":"1"}}`, []string{"a/ 1"}, true},
		{"raw UTF-8", `{"lastid":0,"messages":{"é":"你好/"}}`, []string{"é 你好/"}, true},
		{"braces in texts", `{"lastid":0,"messages":{"a":"}}","b":"\"}}\\"}}`, []string{"a }}", `b "}}\`}, true},
		{"half a surrogate pair", `{"lastid":0,"messages":{"a":"\ud800x\udc00\ud83d\u0041"}}`, []string{"a \ufffdx\ufffd\ufffdA"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, err := decode([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, pairs(d)); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if got := d.splice >= 0; got != test.splice {
				t.Errorf("can be spliced: got %v, want %v", got, test.splice)
			}
			checkEdits(t, []byte(test.text), "new id/", `"new \"text\""`)
		})
	}
}

// checkEdits: an entry added or replaced is there, all others are as before,
// and so are the members that mean nothing to us.
func checkEdits(t testing.TB, text []byte, id, raw string) {
	t.Helper()
	d, before := mustDecode(t, text), bytes.Clone(text)
	added := string(entry{raw: []byte(raw)}.text())
	if _, there := d.index[id]; !there {
		want := append(pairs(d), id+" "+added)
		edited := mustDecode(t, text)
		edited.set(id, []byte(raw))
		checkText(t, "with one more", edited.text(), want)
		edited.set(id+"2", []byte(raw))
		checkText(t, "with two more", edited.text(), append(want, id+"2 "+added))
	}
	if len(d.entries) > 0 {
		middle := len(d.entries) / 2
		want := pairs(d)
		want[middle] = d.entries[middle].id + " " + added
		edited := mustDecode(t, text)
		edited.set(d.entries[middle].id, []byte(raw))
		checkText(t, "with one replaced", edited.text(), want)
	}
	checkText(t, "unchanged", d.text(), pairs(d))
	checkText(t, "encode", d.encode(d.entries), pairs(d))
	if !bytes.Equal(text, before) {
		t.Errorf("the text was changed: got %q, want %q", text, before)
	}
}

func mustDecode(t testing.TB, text []byte) *document {
	t.Helper()
	d, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// textWith is d's with one more entry.
func textWith(d *document, id, raw string) []byte {
	d.set(id, []byte(raw))
	return d.text()
}

func checkText(t testing.TB, name string, text []byte, want []string) {
	t.Helper()
	if !json.Valid(text) {
		t.Fatalf("%s: not JSON: %q", name, text)
	}
	d, err := decode(text)
	if err != nil {
		t.Fatalf("%s: %v: %q", name, err, text)
	}
	if got := pairs(d); !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %q\nwant %q\nof %q", name, got, want, text)
	}
}

func TestEncodeKeepsFurtherMembers(t *testing.T) {
	d := mustDecode(t, []byte(`{"messages":["a"],"x":{"y":1},"lastid":7}`))
	if got, want := string(textWith(d, "b", `"c"`)), `{"messages":{"0":"a","b":"c"},"x":{"y":1},"lastid":7}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(textWith(newDocument(), "b", `"c"`)), `{"lastid":0,"messages":{"b":"c"}}`; got != want {
		t.Errorf("a new channel: got %s, want %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":               ``,
		"a scalar":              `1`,
		"a string":              `"x"`,
		"a list":                `["a"]`,
		"PHP's serialization":   `a:1:{s:1:"a";i:1;}`,
		"no end":                `{"lastid":0,"messages":{"a":"1"}`,
		"more behind the end":   `{"lastid":0,"messages":{}} x`,
		"two objects":           `{"lastid":0}{}`,
		"messages a string":     `{"lastid":0,"messages":"x"}`,
		"messages a number":     `{"lastid":0,"messages":1}`,
		"no comma":              `{"lastid":0 "messages":{}}`,
		"comma at the end":      `{"lastid":0,"messages":{"a":"1",}}`,
		"no colon":              `{"lastid" 0}`,
		"no value":              `{"lastid":}`,
		"key not a string":      `{1:2}`,
		"open string":           `{"lastid":0,"messages":{"a":"1}}`,
		"bad escape":            `{"lastid":0,"messages":{"a":"\x"}}`,
		"short escape":          `{"lastid":0,"messages":{"a":"\u00"}}`,
		"control byte":          "{\"lastid\":0,\"messages\":{\"a\":\"\n\"}}",
		"not UTF-8":             "{\"lastid\":0,\"messages\":{\"a\":\"\xff\"}}",
		"bad scalar":            `{"lastid":0,"messages":{"a":tru}}`,
		"bad number":            `{"lastid":0,"messages":{"a":01}}`,
		"brackets crossed":      `{"lastid":0,"messages":{"a":[{]}}}`,
		"string within, broken": `{"lastid":0,"messages":{"a":{"b":"\q"}}}`,
		"too deep":              `{"lastid":0,"messages":{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := decode([]byte(text)); err == nil {
				t.Errorf("was taken for a channel: %q", pairs(d))
			}
		})
	}
}

func FuzzDocument(f *testing.F) {
	for _, c := range captures(f, "testdata/legacy_channels.jsonl") {
		if c.Plain != nil {
			f.Add([]byte(*c.Plain), "g1-1", "text")
		}
	}
	f.Add([]byte(`{"messages":["a",{"b":[1,2.5e3,null]}],"x":"\ud83d\ude00"} `), "_x", `"`)
	f.Add([]byte(`{"messages":{"a":"1","a":"2"},"messages":{"":null}}`), "", "")
	f.Fuzz(func(t *testing.T, text []byte, id, value string) {
		d, err := decode(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted what is not JSON: %q", text)
		}
		if len(d.entries) != len(d.index) {
			t.Fatalf("%d entries, %d in the index", len(d.entries), len(d.index))
		}
		for i, e := range d.entries {
			if d.index[e.id] != i {
				t.Fatalf("entry %d %q is at %d in the index", i, e.id, d.index[e.id])
			}
			checkEntry(t, d, i)
		}
		id = strings.ToValidUTF8(id, "?")
		raw, err := json.Marshal(strings.ToValidUTF8(value, "?"))
		if err != nil {
			t.Fatal(err)
		}
		checkEdits(t, text, id, string(raw))
	})
}

// checkEntry: an entry's text is right and its cursor finds it.
func checkEntry(t *testing.T, d *document, i int) {
	t.Helper()
	e := d.entries[i]
	var want string
	if e.raw[0] == '"' {
		if err := json.Unmarshal(e.raw, &want); err != nil {
			t.Fatal(err)
		}
		if got := string(e.text()); got != want {
			t.Fatalf("text of %s: got %q, want %q", e.raw, got, want)
		}
	}
	m := e.message()
	if at := parsePlace(m.Cursor); at.kind != behind || at.cursor != m.Cursor {
		t.Fatalf("cursor %q of %q means %+v", m.Cursor, e.id, at)
	}
	if e.private() {
		return
	}
	if got := d.find(m.Cursor); got != i {
		t.Fatalf("cursor %q of entry %d %q finds %d", m.Cursor, i, e.id, got)
	}
}

func FuzzUnpack(f *testing.F) {
	for _, c := range captures(f, "testdata/legacy_channels.jsonl") {
		if item := c.item(f); item != nil {
			f.Add(item.Flags, item.Value)
		}
	}
	f.Fuzz(func(t *testing.T, flags uint32, value []byte) {
		d, err := unpack(&gomemcache.Item{Flags: flags, Value: value})
		if err == nil && len(d.json) > maxText {
			t.Fatalf("a document of %d bytes", len(d.json))
		}
	})
}
