package http1_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
	"github.com/commchannel/gateway/store/memory"
	"github.com/commchannel/gateway/transport"
	"github.com/commchannel/gateway/transport/http1"
	"github.com/commchannel/gateway/transport/longpoll"
	"github.com/commchannel/gateway/transport/netpoll"
)

// plainCodec leaves frames as they are.
type plainCodec struct{}

func (plainCodec) Frame(dst, text []byte) []byte { return append(dst, text...) }

func (plainCodec) Close(dst []byte, _ protocol.CloseCode, reason string) []byte {
	return append(dst, reason...)
}

// BenchmarkExchange is a message and the long-poll that waits for it: a
// request that is held, the answer, and what the client does in between, which
// is little. The sub-benchmarks differ in who serves.
func BenchmarkExchange(b *testing.B) {
	for _, tt := range []struct {
		name   string
		poller *netpoll.Poller
	}{{"http1", netpoll.New(zerolog.Nop())}, {"net/http", netpoll.None()}} {
		b.Run(tt.name, func(b *testing.B) { benchmarkExchange(b, tt.poller) })
		tt.poller.Close()
	}
}

func benchmarkExchange(b *testing.B, poller *netpoll.Poller) {
	st, err := memory.New(memory.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	hb := hub.New(hub.Config{Store: st, Codec: plainCodec{}, Log: zerolog.Nop()})
	defer hb.Close()
	guard, err := transport.NewGuard(transport.GuardConfig{})
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{
		Handler:           transport.Route{Guard: guard, LongPoll: longpoll.New(longpoll.Config{Hub: hb, Guard: guard, Log: zerolog.Nop()})}.Handler(),
		ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	front := http1.New(http1.Config{HTTP: srv, Poller: poller, Log: zerolog.Nop()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go front.Serve(l)
	defer srv.Close()
	defer front.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	cursor, err := st.Tail(b.Context(), "room")
	if err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReader(nc)
	text := []byte(`{"type":"msg","payload":"0123456789"}`)
	b.ReportAllocs()
	for b.Loop() {
		body := fmt.Appendf(nil, `[{"op":"hello","clientid":"client"},{"op":"subscribe","ref":1,"channel":"room","since":%q}]`, cursor)
		fmt.Fprintf(nc, "POST /channel HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"+
			"Accept: */*\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		id := protocol.NewMessageID(time.Now())
		if cursor, err = hb.Publish(b.Context(), "room", store.Message{ID: id, Text: text}); err != nil {
			b.Fatal(err)
		}
		wantAnswer(b, r)
	}
}

func wantAnswer(b *testing.B, r *bufio.Reader) {
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		fmt.Sscanf(string(line), "Content-Length: %d", &length)
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil || !bytes.Contains(body, []byte(`"op":"message"`)) {
		b.Fatalf("got %s %v", body, err)
	}
}
