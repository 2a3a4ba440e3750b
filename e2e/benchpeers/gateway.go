package main

import (
	"context"
	"path/filepath"
)

// A gateway is the one of this tree, with its messages in memory.
type gateway struct {
	alone bool // on one processor, as a server of one thread is
}

func (g gateway) name() string {
	if g.alone {
		return gatewayName + "-1"
	}
	return gatewayName
}

func (g gateway) prepare(ctx context.Context, folder string) (string, error) {
	if g.alone {
		return "the same with GOMAXPROCS=1 in its environment", g.build(ctx, folder)
	}
	version, err := output(ctx, "go", "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	return "of this tree, " + version, g.build(ctx, folder)
}

func (g gateway) build(ctx context.Context, folder string) error {
	_, err := output(ctx, "go", "build", "-o", filepath.Join(folder, g.name()), "./cmd/gateway")
	return err
}

func (g gateway) start(ctx context.Context, folder string, _ bool) (*server, error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	command := []string{filepath.Join(folder, g.name()), "--listen", addrs[0], "--log-level", "error"}
	if g.alone {
		command = append([]string{"env", "GOMAXPROCS=1"}, command...) // which becomes the gateway
	}
	s, err := start(ctx, addrs[0], command[0], command[1:]...)
	if err != nil {
		return nil, err
	}
	s.url = "ws://" + addrs[0] + "/channel"
	return s, nil
}
