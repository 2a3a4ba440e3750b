package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// startTime bounds how long a server may take to be there.
const startTime = 20 * time.Second

// A process is a server of ours. It is ended by its own id.
type process struct {
	cmd  *exec.Cmd
	addr string
}

func (p *process) id() int { return p.cmd.Process.Pid }

func (p *process) stop() {
	if p != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // it was killed
	}
}

func build(ctx context.Context, path string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/gateway").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build ./cmd/gateway: %w\n%s", err, out)
	}
	return nil
}

// freeAddr is an address of the loopback interface where nobody listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// start starts a server on a free address, and waits until it accepts
// connections.
func start(ctx context.Context, command func(addr string) *exec.Cmd) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: command(addr), addr: addr}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline) && ctx.Err() == nil; sleep(ctx, 10*time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return p, nil
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s does not listen at %s", p.cmd.Path, addr)
}

func startMemcached(ctx context.Context, args []string) (*process, error) {
	return start(ctx, func(addr string) *exec.Cmd {
		host, port, _ := strings.Cut(addr, ":")
		args := append([]string{"-l", host, "-p", port, "-U", "0", "-m", "256"}, args...)
		if os.Geteuid() == 0 {
			args = append(args, "-u", "root") // it refuses to run as root otherwise
		}
		return exec.CommandContext(ctx, "memcached", args...)
	})
}

// accepts tells whether the gateway starts with a store's URL. It does so
// without the store being there.
func accepts(ctx context.Context, binary, store string) bool {
	p, err := start(ctx, func(addr string) *exec.Cmd {
		return exec.CommandContext(ctx, binary, "--listen", addr, "--store", store)
	})
	p.stop()
	return err == nil
}

// servers are a memcached and a gateway that has its messages there.
type servers struct {
	memcached, gateway *process
	addr               string // the gateway's
}

func startServers(ctx context.Context, binary string, m mode) (*servers, error) {
	memcached, err := startMemcached(ctx, m.memcached)
	if err != nil {
		return nil, err
	}
	gateway, err := start(ctx, func(addr string) *exec.Cmd {
		store := "memcache://" + memcached.addr + m.query
		return exec.CommandContext(ctx, binary, "--listen", addr, "--store", store, "--log-level", "error")
	})
	if err != nil {
		memcached.stop()
		return nil, err
	}
	return &servers{memcached: memcached, gateway: gateway, addr: gateway.addr}, nil
}

func (s *servers) stop() {
	s.gateway.stop()
	s.memcached.stop()
}

// awaitState waits until the gateway says that it follows memcached in a way;
// any way will do where want is empty.
func (s *servers) awaitState(ctx context.Context, want string) error {
	deadline := time.Now().Add(startTime)
	for want != "" {
		state, err := s.state(ctx)
		switch {
		case err == nil && strings.HasSuffix(state, want):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return errors.Join(fmt.Errorf("the gateway's store is %q, want %q", state, want), err)
		}
		sleep(ctx, 50*time.Millisecond)
	}
	return nil
}

// state is how the gateway follows memcached, in its own words.
func (s *servers) state(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/readyz", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return "", err
	}
	_, state, found := strings.Cut(string(body), "store: ")
	if !found {
		return "", fmt.Errorf("/readyz says %q", body)
	}
	return strings.TrimSpace(state), nil
}

// filled is how many messages are in a channel before anything is sent.
const filled = 10

// fill gives each channel some messages, as a channel in use has, about 1 KB:
// one that is not there costs memcached and the gateway less.
func (s *servers) fill(channels int) error {
	var messages []string
	for i := range filled {
		text, err := json.Marshal(fmt.Sprintf(`{"type":"msg","msg":"something that was said before %d","from":"somebody"}`, i))
		if err != nil {
			return err
		}
		messages = append(messages, fmt.Sprintf(`"%013x":%s`, 0x5f00000000000+i, text))
	}
	document := `{"lastid":0,"messages":{` + strings.Join(messages, ",") + `}}`
	conn, err := net.Dial("tcp", s.memcached.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(startTime)); err != nil {
		return err
	}
	w := bufio.NewWriter(conn)
	for i := range channels {
		fmt.Fprintf(w, "set channel_%s 0 30 %d noreply\r\n%s\r\n", channelName(i), len(document), document)
	}
	fmt.Fprint(w, "version\r\n")
	if err := w.Flush(); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "VERSION ") {
		err = errors.New("memcached said " + answer)
	}
	return err
}
