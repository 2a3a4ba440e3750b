package protocol_test

import (
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func BenchmarkServerFrameAppend(b *testing.B) {
	f := messageFrame()
	buf := make([]byte, 0, 4096)
	b.SetBytes(int64(len(f.Append(nil))))
	b.ReportAllocs()
	for b.Loop() {
		buf = f.Append(buf[:0])
	}
}

func BenchmarkDecodeServer(b *testing.B) {
	text := messageFrame().Append(nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.DecodeServer(text); err != nil {
			b.Fatal(err)
		}
	}
}

// objects is an array of small objects, of about so many bytes.
func objects(size int) string {
	const one = `{"id":1234567,"name":"Zoë","price":-12.50,"tags":["a","b"],"sold":false},`
	return "[" + strings.TrimSuffix(strings.Repeat(one, size/len(one)), ",") + "]"
}

// BenchmarkCheckJSON checks about 16 KiB.
func BenchmarkCheckJSON(b *testing.B) {
	const size = 16 << 10
	for _, bb := range []struct{ name, text string }{
		{"ascii", `"` + strings.Repeat("hello world ", size/12) + `"`},
		{"utf-8", `"` + strings.Repeat("größe 日本 ", size/15) + `"`},
		{"escapes", `"` + strings.Repeat(`line\n\u00e9`, size/12) + `"`},
		{"objects", objects(size)},
		{"numbers", "[" + strings.Repeat("1795389286619,", size/14) + "0]"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			text := []byte(bb.text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := protocol.CheckJSON(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeClient(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"ping", `{"op":"ping","ref":5}`},
		{"subscribe", `{"op":"subscribe","ref":1,"channel":"room","since":"g660e3d7f69cb3-0123456789ab"}`},
		{"send-128B", `{"op":"send","ref":3,"channel":"room","type":"msg","payload":"` + strings.Repeat("x", 128) + `"}`},
		{"send-16KiB", `{"op":"send","ref":3,"channel":"room","type":"msg","payload":"` + strings.Repeat("x", 16<<10-2) + `"}`},
		{"send-16KiB-of-objects", `{"op":"send","ref":3,"channel":"room","type":"msg","payload":` + objects(16<<10) + `}`},
		{"send-64KiB", `{"op":"send","ref":3,"channel":"room","type":"msg","payload":"` + strings.Repeat("x", 64<<10-2) + `"}`},
		{"send-64KiB-of-escapes", `{"op":"send","ref":3,"channel":"room","type":"msg","payload":"` + strings.Repeat(`\u00e9`, 64<<10/6) + `"}`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			text := []byte(bb.text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := protocol.DecodeClient(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	for _, bb := range []struct{ name, text string }{
		{"browser", `{"type":"msg","payload":"Hello there!","from":483920}`},
		{"php", `{"type":"msg","msg":"Hello javascript client!","from":"bob"}`},
		{"text", `Some Message`},
		{"gateway-16KiB", `{"type":"msg","payload":"` + strings.Repeat("x", 16<<10-2) + `","msg":"` + strings.Repeat("x", 16<<10-2) + `","from":"bob"}`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			text := []byte(bb.text)
			b.ReportAllocs()
			for b.Loop() {
				protocol.ParseEnvelope(text)
			}
		})
	}
}

func BenchmarkEnvelopeAppend(b *testing.B) {
	e := protocol.Envelope{Type: "msg", Payload: messageFrame().Payload, From: "bob"}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.Append(buf[:0])
	}
}

func BenchmarkAppendString(b *testing.B) {
	for _, bb := range []struct{ name, s string }{
		{"ascii", strings.Repeat("hello world ", 100)},
		{"utf-8", strings.Repeat("größe 日本 ", 100)},
		{"escapes", strings.Repeat("\"a\"\n", 300)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			buf := make([]byte, 0, 8192)
			b.SetBytes(int64(len(bb.s)))
			b.ReportAllocs()
			for b.Loop() {
				buf = protocol.AppendString(buf[:0], bb.s)
			}
		})
	}
}
