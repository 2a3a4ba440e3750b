package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/commchannel/gateway/internal/bench"
)

// A socketIO is a server made of Socket.IO, over WebSocket alone. It is
// published to by a client that emits.
type socketIO struct{}

func (socketIO) name() string { return "socket.io" }

func (socketIO) prepare(ctx context.Context, _ string) (string, error) {
	text, err := os.ReadFile(peersFolder + "/node_modules/socket.io/package.json")
	if err != nil {
		return "", fmt.Errorf("npm ci has not run in %s: %w", peersFolder, err)
	}
	var library struct{ Version string }
	if err := json.Unmarshal(text, &library); err != nil {
		return "", fmt.Errorf("socket.io's package.json: %w", err)
	}
	node, err := output(ctx, "node", "-v")
	return "socket.io " + library.Version + ", node " + node, err
}

func (socketIO) start(ctx context.Context, _ string, longPoll bool) (*server, error) {
	if longPoll {
		return nil, nil
	}
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	host, port, _ := strings.Cut(addrs[0], ":")
	s, err := start(ctx, addrs[0], "node", peersFolder+"/socketio.mjs", host, port)
	if err != nil {
		return nil, err
	}
	s.url = "ws://" + addrs[0]
	s.dialect = socketIODialect{bench.NewNames(), addrs[0]}
	return s, nil
}

type socketIODialect struct {
	bench.Names
	host string
}

// What the letters and digits in front of a message mean: Engine.IO's type,
// then Socket.IO's.
const (
	engineOpen  = "0"
	enginePing  = "2"
	enginePong  = "3"
	socketEnter = "40"
	socketEvent = "42"
	socketDone  = "43"
	socketError = "44"
)

// session says follow once it has entered, and is ready when that is done;
// with nothing to follow it is ready when it has entered.
func (d socketIODialect) session(follow string) *bench.WebSocket {
	return &bench.WebSocket{
		Host: d.host, Path: "/socket.io/?EIO=4&transport=websocket", Hello: bench.TextFrame(nil, []byte(socketEnter)),
		Frame: func(p []byte, in *bench.Inbox) error {
			begins := func(with string) bool { return bytes.HasPrefix(p, []byte(with)) }
			switch {
			case begins(socketEvent):
				in.Messages(p)
			case begins(enginePing):
				in.Say(bench.TextFrame(nil, []byte(enginePong)))
			case begins(socketEnter) && follow != "":
				in.Say(bench.TextFrame(nil, []byte(follow)))
			case begins(socketDone), begins(socketEnter):
				in.Ready()
			case begins(socketError):
				return fmt.Errorf("the server said %s", p)
			case !begins(engineOpen):
				return fmt.Errorf("the server said %.100q", p)
			}
			return nil
		},
	}
}

func (d socketIODialect) Subscriber(_ int, channels []int) bench.Session {
	rooms := make([]string, len(channels))
	for i, channel := range channels {
		rooms[i] = `"` + d.Channel(channel) + `"`
	}
	return d.session(socketEvent + `0["follow",[` + strings.Join(rooms, ",") + `]]`)
}

func (d socketIODialect) Publisher(int) bench.Publisher {
	var event []byte // the latest one, to be used again
	return bench.Sends{
		Session: d.session(""),
		Text: func(dst []byte, channel int, text []byte) []byte {
			event = fmt.Appendf(event[:0], socketEvent+`["tell","%s","%s"]`, d.Channel(channel), text)
			return bench.TextFrame(dst, event)
		},
	}
}
