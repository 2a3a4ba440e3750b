package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests run the program itself: this binary is it, when it is told so.
const asProgram = "GATEWAY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name   string
		args   []string
		code   int
		output string
	}{
		{"version", []string{"--version"}, 0, "gateway version "},
		{"help", []string{"--help"}, 0, "--trusted-proxy"},
		{"mistake", []string{"--hold=25"}, 2, `--hold: "25" is no time`},
		{"unknown flag", []string{"--hodl=25s"}, 2, "did you mean --hold?"},
		{"address in use", []string{"--listen", taken.Addr().String()}, 1, "address already in use"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := program(t, tt.args...).CombinedOutput()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tt.code || !bytes.Contains(out, []byte(tt.output)) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, out, tt.code, tt.output)
			}
		})
	}
}

// serve starts the program and waits until it serves. It returns its log and
// its address.
func serve(t *testing.T, args ...string) (cmd *exec.Cmd, log *bufio.Scanner, addr string) {
	t.Helper()
	cmd = program(t, append([]string{"--listen=127.0.0.1:0", "--log-format=json"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log = bufio.NewScanner(stderr)
	line := waitFor(t, log, "ready")
	_, addr, _ = strings.Cut(line, `"listen":"`)
	addr, _, _ = strings.Cut(addr, `"`)
	return cmd, log, addr
}

// waitFor reads the log up to the line that has text.
func waitFor(t *testing.T, log *bufio.Scanner, text string) string {
	t.Helper()
	for log.Scan() {
		if strings.Contains(log.Text(), text) {
			return log.Text()
		}
	}
	t.Fatalf("the log ended without %q: %v", text, log.Err())
	return ""
}

func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

func TestSignalEndsIt(t *testing.T) {
	cmd, log, _ := serve(t)
	terminate(t, cmd)
	waitFor(t, log, "stopping")
	waitFor(t, log, "stopped")
	if err := cmd.Wait(); err != nil {
		t.Errorf("got %v, want exit code 0", err)
	}
}

func TestSecondSignalEndsItAtOnce(t *testing.T) {
	cmd, log, addr := serve(t, "--grace=10m")
	// A request that does not come to its end keeps the gateway from stopping.
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /channel HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/json\r\nContent-Length: 5\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // "100 Continue": its body is waited for
		t.Fatal(err)
	}
	terminate(t, cmd)
	waitFor(t, log, "stopping")
	terminate(t, cmd)
	err = cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("got %v, want its end by the signal", err)
	}
}
