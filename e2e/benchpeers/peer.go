package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/commchannel/gateway/internal/bench"
)

// A peer is a server to be measured.
type peer interface {
	name() string
	// prepare builds what is to be built into a folder, and returns a version.
	prepare(ctx context.Context, folder string) (version string, err error)
	// start starts a server; nil: it has no long-poll, and that was asked for.
	start(ctx context.Context, folder string, longPoll bool) (*server, error)
}

// gatewayName is what the gateway is called, floorName the least there is.
const (
	gatewayName = "gateway"
	floorName   = "floor"
)

func peers() []peer {
	return []peer{gateway{}, gateway{alone: true}, floor{}, nchan{}, nats{}, centrifuge{}, socketIO{}}
}

// A server is one that runs.
type server struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc

	url        string
	publishURL string        // "": url
	dialect    bench.Dialect // nil: the gateway's
}

// stopTime is how long a server has to end by itself.
const stopTime = 5 * time.Second

// stop ends the server, by its process id.
func (s *server) stop() {
	s.cancel()
	_ = s.cmd.Wait() // it was asked to end, so how it did is no matter
}

// startTime bounds how long a server may take to be there.
const startTime = 20 * time.Second

// start starts a server, and waits until it accepts connections.
func start(ctx context.Context, addr, program string, args ...string) (*server, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &server{cmd: exec.CommandContext(ctx, program, args...), cancel: cancel}
	var said bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &said, &said
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) } // nginx ends its worker, too
	s.cmd.WaitDelay = stopTime
	if err := s.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline) && ctx.Err() == nil; {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("%s does not listen at %s: %s", program, addr, said.String())
}

// freeAddrs are addresses of the loopback interface where nobody listens.
func freeAddrs(n int) (addrs []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // only once all are there, so that no two are the same
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// output is what a program says, in one line.
func output(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	text := strings.Join(strings.Fields(string(out)), " ")
	if err != nil {
		return "", fmt.Errorf("%s: %w %s", program, err, text)
	}
	return text, nil
}
