package main

import (
	"context"
	"path/filepath"
)

// A gateway is the one of this tree, with its messages in memory.
type gateway struct{}

func (gateway) name() string { return gatewayName }

func (gateway) prepare(ctx context.Context, folder string) (string, error) {
	if _, err := output(ctx, "go", "build", "-o", filepath.Join(folder, gatewayName), "./cmd/gateway"); err != nil {
		return "", err
	}
	version, err := output(ctx, "go", "env", "GOVERSION")
	return "of this tree, " + version, err
}

func (gateway) start(ctx context.Context, folder string, _ bool) (*server, error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, addrs[0], filepath.Join(folder, gatewayName), "--listen", addrs[0], "--log-level", "error")
	if err != nil {
		return nil, err
	}
	s.url = "ws://" + addrs[0] + "/channel"
	return s, nil
}
