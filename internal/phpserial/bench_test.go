package phpserial_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/commchannel/gateway/internal/phpserial"
)

// payloads are what messages carry, from little to much.
func payloads() []struct{ name, json string } {
	return []struct{ name, json string }{
		{"text", `"The quick brown fox jumps over the lazy dog."`},
		{"record", `{"user":{"id":4711,"name":"Zo\u00eb","admin":false},"tags":["a","b"],"rate":0.25,"note":null}`},
		{"list-1000", "[" + strings.Repeat("12345,", 999) + "1]"},
		{"text-64KiB", `"` + strings.Repeat("x", 64<<10) + `"`},
	}
}

func native(b *testing.B, payload string) []byte {
	b.Helper()
	text, err := phpserial.AppendNative(nil, phpserial.Native{Type: "message", ID: "6b0386a5611b6", Payload: json.RawMessage(payload)})
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func BenchmarkParseNative(b *testing.B) {
	for _, bb := range payloads() {
		b.Run(bb.name, func(b *testing.B) {
			text := native(b, bb.json)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := phpserial.ParseNative(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendNative(b *testing.B) {
	for _, bb := range payloads() {
		b.Run(bb.name, func(b *testing.B) {
			payload := json.RawMessage(bb.json)
			buf := native(b, bb.json)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = phpserial.AppendNative(buf[:0], phpserial.Native{Type: "message", ID: "6b0386a5611b6", Payload: payload}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The worst that a channel's text can ask for.
func BenchmarkDecodeHostile(b *testing.B) {
	var list strings.Builder
	for i := range phpserial.MaxElements {
		fmt.Fprintf(&list, "s:6:\"k%05d\";N;", i)
	}
	for _, bb := range []struct{ name, in string }{
		{"references", doubling(2000)},
		{"paths", acquaintances(100)},
		{"keys", fmt.Sprintf("a:%d:{%s}", phpserial.MaxElements, list.String())},
		{"escapes", `s:600000:"` + strings.Repeat("\x00", 600000) + `";`},
		{"false-length", `s:999999999:"x"`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			data := []byte(bb.in)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = phpserial.Decode(data, phpserial.Limits{})
			}
		})
	}
}
