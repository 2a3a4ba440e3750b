package phpserial_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

// A node is JSON with the order of its members.
type node struct {
	kind  byte   // [ { or anything else
	text  string // JSON of what is neither list nor object
	keys  []string
	items []node
}

func parseTree(t testing.TB, text []byte) node {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	n, err := readTree(dec)
	if err != nil {
		t.Fatalf("JSON %.200q: %v", text, err)
	}
	return n
}

func readTree(dec *json.Decoder) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	switch token := token.(type) {
	case json.Delim:
		n := node{kind: byte(token)}
		for dec.More() {
			if n.kind == '{' {
				key, err := dec.Token()
				if err != nil {
					return n, err
				}
				n.keys = append(n.keys, key.(string))
			}
			item, err := readTree(dec)
			if err != nil {
				return n, err
			}
			n.items = append(n.items, item)
		}
		_, err := dec.Token()
		return n, err
	case json.Number:
		return node{text: plainNumber(string(token))}, nil
	case string:
		return node{text: string(protocol.AppendString(nil, token))}, nil
	default:
		return node{text: fmt.Sprint(token)}, nil // true, false; <nil>
	}
}

// plainNumber is one form for all forms of a number: exact for integers of 64
// bits, else the shortest for the float.
func plainNumber(s string) string {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && s != "-0" {
		return strconv.FormatInt(n, 10)
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil:
		return "no float: " + s
	case f == math.Trunc(f) && math.Abs(f) < 1e21:
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func (n node) String() string {
	var b strings.Builder
	n.write(&b)
	return b.String()
}

func (n node) write(b *strings.Builder) {
	if n.kind == 0 {
		b.WriteString(n.text)
		return
	}
	b.WriteByte(n.kind)
	for i, item := range n.items {
		if n.kind == '{' {
			fmt.Fprintf(b, "%q:", n.keys[i])
		}
		item.write(b)
		b.WriteByte(',')
	}
	b.WriteByte(n.kind + 2) // ] and } in ASCII
}

// asArrays is n as it comes back from PHP, which has arrays for everything.
func (n node) asArrays() node {
	list := true
	items := make([]node, len(n.items))
	for i, item := range n.items {
		items[i] = item.asArrays()
		list = list && (n.keys == nil || n.keys[i] == strconv.Itoa(i))
	}
	if n.items = items; n.kind == '{' && list {
		n.kind, n.keys = '[', nil
	}
	return n
}

// withoutClass is n without the marks of plain objects.
func (n node) withoutClass() node {
	if len(n.keys) > 0 && n.keys[0] == "__class" && n.items[0].text == `"stdClass"` {
		n.keys, n.items = n.keys[1:], n.items[1:]
	}
	items := make([]node, len(n.items))
	for i, item := range n.items {
		items[i] = item.withoutClass()
	}
	n.items = items
	return n
}

// any reports whether is holds for n or something in it.
func (n node) any(is func(node) bool) bool {
	if is(n) {
		return true
	}
	for _, item := range n.items {
		if item.any(is) {
			return true
		}
	}
	return false
}

func (n node) hasKeyTwice() bool {
	return n.any(func(n node) bool {
		seen := map[string]bool{}
		for _, key := range n.keys {
			if seen[key] {
				return true
			}
			seen[key] = true
		}
		return false
	})
}

func (n node) hasBytes() bool {
	return n.any(func(n node) bool {
		return len(n.keys) == 1 && n.keys[0] == "__b64" && strings.HasPrefix(n.items[0].text, `"`)
	})
}

func (n node) hasNoFloat() bool {
	return n.any(func(n node) bool { return strings.HasPrefix(n.text, "no float") })
}

func (n node) depth() int {
	if n.kind == 0 {
		return 0
	}
	deepest := 0
	for _, item := range n.items {
		deepest = max(deepest, item.depth())
	}
	return deepest + 1
}

// randomJSON is a JSON value of any kind.
func randomJSON(r *rand.Rand, depth int) string {
	kinds := 6
	if depth > 0 {
		kinds = 10
	}
	switch r.IntN(kinds) {
	case 0:
		return []string{"null", "true", "false", `""`, "[]", "{}"}[r.IntN(6)]
	case 1:
		return strconv.Itoa(r.IntN(40) - 20)
	case 2:
		return strconv.FormatInt(int64(r.Uint64()), 10) + []string{"", "", "0", "00000000"}[r.IntN(4)]
	case 3:
		f := math.Float64frombits(r.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			f = 0.5
		}
		return strconv.FormatFloat(f, "eEgG"[r.IntN(4)], -1, 64)
	case 4:
		return []string{"1.0", "-0.0", "1e3", "5E-324", "0.1", "-1.5e+10"}[r.IntN(6)]
	case 5:
		return strconv.Quote("k" + strconv.Itoa(r.IntN(1000)))
	case 6, 7:
		var items []string
		for range r.IntN(5) {
			items = append(items, randomJSON(r, depth-1))
		}
		return " [ " + strings.Join(items, " , ") + "\n]"
	}
	var members []string
	used := map[string]bool{}
	for range r.IntN(5) {
		key := randomKey(r)
		if !used[key] {
			used[key] = true
			members = append(members, string(protocol.AppendString(nil, key))+" : "+randomJSON(r, depth-1))
		}
	}
	return "{" + strings.Join(members, ", ") + "}"
}

func randomKey(r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return strconv.Itoa(r.IntN(4))
	case 1:
		return []string{"", "-5", "-0", "05", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1.5", "__class", "\x00*\x00x"}[r.IntN(10)]
	}
	return string([]rune{rune(r.IntN(0xd800)), rune(0xe000 + r.IntN(0x102000))})
}
