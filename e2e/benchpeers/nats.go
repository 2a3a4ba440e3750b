package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/commchannel/gateway/internal/bench"
)

// A nats is nats-server. Subscribers come over WebSocket, publishers over TCP.
type nats struct{}

func (nats) name() string { return "nats" }

// natsModule is its module, and its command.
const natsModule = "github.com/nats-io/nats-server/v2"

// peersFolder is the module of the peers that are written in Go, and those of npm.
const peersFolder = "e2e/benchpeers/peers"

func (nats) prepare(ctx context.Context, folder string) (string, error) {
	return buildPeer(ctx, filepath.Join(folder, "nats"), natsModule, natsModule)
}

// buildPeer builds a command of the peers' module, and returns the version of
// the module that counts.
func buildPeer(ctx context.Context, binary, command, module string) (string, error) {
	if _, err := output(ctx, "go", "build", "-C", peersFolder, "-o", binary, command); err != nil {
		return "", err
	}
	return output(ctx, "go", "list", "-C", peersFolder, "-m", module)
}

const natsConfig = `listen: "%s"
websocket { listen: "%s", no_tls: true, compression: false }
max_connections: 100000
`

func (nats) start(ctx context.Context, folder string, longPoll bool) (*server, error) {
	if longPoll {
		return nil, nil
	}
	addrs, err := freeAddrs(2)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "nats.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, natsConfig, addrs[0], addrs[1]), 0o600); err != nil {
		return nil, err
	}
	s, err := start(ctx, addrs[1], filepath.Join(folder, "nats"), "-c", file)
	if err != nil {
		return nil, err
	}
	s.url, s.publishURL = "ws://"+addrs[1], "tcp://"+addrs[0]
	s.dialect = natsDialect{bench.NewNames(), addrs[1]}
	return s, nil
}

type natsDialect struct {
	bench.Names
	host string
}

const natsConnect = `CONNECT {"verbose":false,"pedantic":false,"headers":false}` + "\r\n"

func (d natsDialect) Subscriber(_ int, channels []int) bench.Session {
	hello := natsConnect
	for i, channel := range channels {
		hello += fmt.Sprintf("SUB %s %d\r\n", d.Channel(channel), i+1)
	}
	return &bench.WebSocket{
		Host: d.host, Path: "/", Hello: bench.BinaryFrame(nil, []byte(hello+"PING\r\n")),
		Frame: func(p []byte, in *bench.Inbox) error {
			in.Messages(p)
			if bytes.HasPrefix(p, []byte("MSG ")) && !bytes.HasSuffix(p, []byte("PING\r\n")) {
				return nil
			}
			for line := range strings.Lines(string(p)) {
				if err := natsLine([]byte(strings.TrimSpace(line)), in, func(answer []byte) []byte { return bench.BinaryFrame(nil, answer) }); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// natsLine takes what is no message.
func natsLine(p []byte, in *bench.Inbox, frame func([]byte) []byte) error {
	switch {
	case bytes.Equal(p, []byte("PONG")):
		in.Ready()
	case bytes.Equal(p, []byte("PING")):
		in.Say(frame([]byte("PONG\r\n")))
	case bytes.HasPrefix(p, []byte("-ERR")):
		return fmt.Errorf("the server said %s", p)
	}
	return nil
}

func (d natsDialect) Publisher(int) bench.Publisher {
	return bench.Sends{
		Session: &lines{first: natsConnect + "PING\r\n", line: func(p []byte, in *bench.Inbox) error {
			return natsLine(p, in, func(answer []byte) []byte { return answer })
		}},
		Text: func(dst []byte, channel int, text []byte) []byte {
			dst = fmt.Appendf(dst, "PUB %s %d\r\n", d.Channel(channel), len(text)+2)
			return append(appendQuoted(dst, text), "\r\n"...)
		},
	}
}
