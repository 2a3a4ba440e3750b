package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	"github.com/commchannel/gateway/internal/bench"
)

// A centrifuge is a server made of the centrifuge library, which Centrifugo is
// made of, too. It is published to over WebSocket.
type centrifuge struct{}

func (centrifuge) name() string { return "centrifuge" }

func (centrifuge) prepare(ctx context.Context, folder string) (string, error) {
	return buildPeer(ctx, filepath.Join(folder, "centrifuge"), "./centrifuge", "github.com/centrifugal/centrifuge")
}

func (centrifuge) start(ctx context.Context, folder string, longPoll bool) (*server, error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, addrs[0], filepath.Join(folder, "centrifuge"), addrs[0])
	if err != nil {
		return nil, err
	}
	s.url = "ws://" + addrs[0]
	s.dialect = centrifugeDialect{bench.NewNames(), addrs[0], longPoll}
	return s, nil
}

type centrifugeDialect struct {
	bench.Names
	host   string
	stream bool // over HTTP, in place of long-polls
}

// hello connects and subscribes at once.
func (d centrifugeDialect) hello(channels []int) []byte {
	hello := []byte(`{"id":1,"connect":{}}`)
	for i, channel := range channels {
		hello = fmt.Appendf(hello, "\n"+`{"id":%d,"subscribe":{"channel":"%s"}}`, i+2, d.Channel(channel))
	}
	return hello
}

func (d centrifugeDialect) Subscriber(_ int, channels []int) bench.Session {
	c := &centrifugeReader{waiting: len(channels)}
	if d.stream {
		return &stream{first: bench.Post(nil, d.host, "/stream", "application/json", d.hello(channels)), line: c.take}
	}
	return d.webSocket(c, d.hello(channels))
}

func (d centrifugeDialect) webSocket(c *centrifugeReader, hello []byte) *bench.WebSocket {
	return &bench.WebSocket{
		Host: d.host, Path: "/websocket", Hello: bench.TextFrame(nil, hello),
		Frame: func(p []byte, in *bench.Inbox) error {
			for line := range bytes.SplitSeq(p, []byte{'\n'}) {
				if err := c.take(line, in); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// A centrifugeReader takes replies and pushes.
type centrifugeReader struct {
	waiting int // for replies, until it is ready
}

func (c *centrifugeReader) take(line []byte, in *bench.Inbox) error {
	switch {
	case bytes.HasPrefix(line, []byte(`{"push":`)):
		in.Messages(line)
	case bytes.Equal(line, []byte("{}")): // a ping
		in.Say(bench.TextFrame(nil, line))
	case bytes.Contains(line, []byte(`"error":`)), bytes.Contains(line, []byte(`"disconnect":`)):
		return fmt.Errorf("the server said %s", line)
	case c.waiting > 0 && !bytes.HasPrefix(line, []byte(`{"id":1,`)):
		if c.waiting--; c.waiting == 0 {
			in.Ready()
		}
	}
	return nil
}

func (d centrifugeDialect) Publisher(int) bench.Publisher {
	id := 1
	var command []byte // the latest one, to be used again
	// Not subscribed to the channels, the publisher waits for one reply only: to
	// "connect", whose id is another one here.
	hello := []byte(`{"id":999999999,"connect":{}}`)
	return bench.Sends{
		Session: d.webSocket(&centrifugeReader{waiting: 1}, hello),
		Text: func(dst []byte, channel int, text []byte) []byte {
			id++
			command = fmt.Appendf(command[:0], `{"id":%d,"publish":{"channel":"%s","data":"%s"}}`, id, d.Channel(channel), text)
			return bench.TextFrame(dst, command)
		},
	}
}
