package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/commchannel/gateway/internal/bench"
)

// A floor is e2e/benchpeers/floor: one thread, epoll, and a write for every
// subscriber of whatever a publisher has sent since the last look.
type floor struct{}

func (floor) name() string { return floorName }

func (floor) prepare(ctx context.Context, folder string) (string, error) {
	_, err := output(ctx, "go", "build", "-o", filepath.Join(folder, floorName), "./e2e/benchpeers/floor")
	return "a bare epoll loop in Go, one thread", err
}

func (floor) start(ctx context.Context, folder string, longPoll bool) (*server, error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, addrs[0], filepath.Join(folder, floorName), addrs[0])
	if err != nil {
		return nil, err
	}
	s.url, s.dialect = "ws://"+addrs[0], floorDialect{addrs[0], longPoll}
	return s, nil
}

type floorDialect struct {
	host     string
	longPoll bool
}

// Subscriber follows one channel.
func (d floorDialect) Subscriber(_ int, channels []int) bench.Session {
	if d.longPoll {
		return d.poll(channels[0])
	}
	return &bench.WebSocket{Host: d.host, Path: fmt.Sprintf("/%d", channels[0]), Frame: messages}
}

// poll asks for what is behind the place that the answer before has told.
func (d floorDialect) poll(channel int) bench.Session {
	get := func(place []byte) []byte {
		return fmt.Appendf(nil, "GET /%d/%s HTTP/1.1\r\nHost: %s\r\n\r\n", channel, place, d.host)
	}
	return &bench.HTTP{
		First: get([]byte{'0'}), Ready: true,
		Answer: func(header, body []byte, in *bench.Inbox) error {
			in.Messages(body)
			place, ok := bench.HeaderValue(header, "Place")
			if !ok {
				return errors.New("an answer without a place")
			}
			in.Say(get(place))
			return nil
		},
	}
}

// messages is for servers whose every message holds what was published.
func messages(p []byte, in *bench.Inbox) error {
	in.Messages(p)
	return nil
}

func (d floorDialect) Publisher(int) bench.Publisher {
	return bench.Sends{
		Session: &lines{first: "PUB\n", ready: true},
		Text: func(dst []byte, channel int, text []byte) []byte {
			begin := len(dst)
			dst = binary.BigEndian.AppendUint32(dst, uint32(channel))
			dst = binary.BigEndian.AppendUint32(dst, 0) // the length, below
			dst = append(dst, 0x81)
			if n := len(text) + 2; n < 126 {
				dst = append(dst, byte(n))
			} else {
				dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n)) // none is beyond 64 KiB
			}
			dst = appendQuoted(dst, text)
			binary.BigEndian.PutUint32(dst[begin+4:], uint32(len(dst)-begin-8))
			return dst
		},
	}
}

// appendQuoted appends a text as JSON, as long as it is with all others.
func appendQuoted(dst, text []byte) []byte { return append(append(append(dst, '"'), text...), '"') }
