package ws

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memory"
)

// sizes of messages, in bytes.
var sizes = []int{128, 16 << 10}

// benchHandler serves nobody.
func benchHandler(b *testing.B) *Handler {
	b.Helper()
	codec, err := NewPackingCodec(packFrom)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(codec.Free)
	s, err := memory.New(memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	hb := hub.New(hub.Config{Store: s, Codec: codec, Log: zerolog.Nop()})
	b.Cleanup(hb.Close)
	h := New(Config{Hub: hb, ClientAddr: remoteAddr, Log: zerolog.Nop()})
	b.Cleanup(h.Close)
	return h
}

// serverMessage is a message whose payload has so many bytes, of text that can
// be compressed to a third.
func serverMessage(size int) *protocol.ServerFrame {
	var words strings.Builder
	for i := 0; words.Len() < size; i++ {
		fmt.Fprintf(&words, "message %d of bob's, ", i*i)
	}
	return &protocol.ServerFrame{
		Op: protocol.OpMessage, Channel: "room", Cursor: "g660e3d7f69cb3-0123456789ab", ID: "g660e3d7f69cb3-0123456789ab",
		Type: "msg", From: "bob", Payload: []byte(`"` + words.String()[:size-2] + `"`), Time: 1795389286619,
	}
}

// BenchmarkEncode makes a WebSocket frame of a message's JSON.
func BenchmarkEncode(b *testing.B) {
	codec, err := NewPackingCodec(packFrom)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(codec.Free)
	for _, bb := range []struct {
		name   string
		encode func(dst, text []byte) []byte
	}{{"plain", codec.Frame}, {"packed", codec.Pack}} {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/bytes=%d", bb.name, size), func(b *testing.B) {
				text := serverMessage(size).Append(nil)
				var dst []byte
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					dst = bb.encode(dst[:0], text)
				}
			})
		}
	}
}

// BenchmarkDecode reads a client's frame, from the bytes of the connection to
// the ClientFrame, which here wants nothing.
func BenchmarkDecode(b *testing.B) {
	h := benchHandler(b)
	for _, size := range append([]int{32}, sizes...) {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			l := &loop{frames: padded(size), times: -1}
			c := loopConn(b, h, l)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				typ, r, err := c.ws.Reader(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if err := c.read(typ, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A drop is a sink that takes everything.
type drop struct{}

func (drop) TryWrite(p []byte) (int, error) { return len(p), nil }
func (drop) Write([]byte) error             { return nil }
func (drop) Finish()                        {}
func (drop) Abort()                         {}

// BenchmarkSend publishes what a client sends, over the memory store, until it
// is written to a subscriber; what writing and reading a socket costs is not
// in it.
func BenchmarkSend(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			h := benchHandler(b)
			reader := h.cfg.Hub.NewConn(drop{})
			defer reader.Close()
			if err := reader.Subscribe(b.Context(), &protocol.ClientFrame{Channel: "room"}); err != nil {
				b.Fatal(err)
			}
			f := protocol.ClientFrame{Op: protocol.OpSend, Ref: protocol.NewRef(1), Channel: "room", Type: "msg", Payload: serverMessage(size).Payload}
			text := f.Append(nil)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in, err := protocol.DecodeClient(text)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := h.sender.Send(b.Context(), &in, "alice"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
