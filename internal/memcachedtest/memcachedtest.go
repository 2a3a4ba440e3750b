// Package memcachedtest runs a real memcached for tests: a child process on a
// free port of the loopback address, which can be stopped, started again on
// the same port, and paused.
package memcachedtest

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for the child process.
const patience = 10 * time.Second

// A Server is a memcached that ends with its test. Its methods belong to the
// test's goroutine.
type Server struct {
	Addr string // host:port, the same over restarts

	program string
	args    []string
	cmd     *exec.Cmd
	dead    chan struct{} // closed once cmd has ended
}

// Start runs the memcached installed with further args, and ends it with t.
// Where there is none, t fails, or is skipped under -short.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	Need(t, command)
	return Version{program: command}.Start(t, args...)
}

// Start runs this memcached with further args, and ends it with t.
func (v Version) Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{program: v.program, args: args}
	// Between the choice of a free port and memcached's bind, another process
	// may take it.
	var err error
	for range 5 {
		s.Addr = freeAddr(t)
		if err = s.start(); err == nil {
			t.Cleanup(func() { s.stop() })
			return s
		}
	}
	t.Fatalf("memcached did not start: %v", err)
	return nil
}

// Need fails t, or skips it under -short, where program is not installed.
func Need(t testing.TB, program string) {
	t.Helper()
	_, err := exec.LookPath(program)
	switch {
	case err == nil:
	case testing.Short():
		t.Skipf("needs %s: %v", program, err)
	default:
		t.Fatalf("needs %s (-short skips such tests): %v", program, err)
	}
}

// Kill ends the process by SIGKILL and waits for it. What it held is gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		t.Fatal("memcached does not run")
	}
	s.stop()
}

// Restart ends the process, where it runs, and starts an empty one on the
// same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.stop()
	if err := s.start(); err != nil {
		t.Fatalf("memcached did not start again: %v", err)
	}
}

// Pause stops the process by SIGSTOP: connections stay, nobody answers.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	deadline := time.After(patience)
	for wait := time.Millisecond; !isStopped(s.cmd.Process.Pid); wait = min(2*wait, 50*time.Millisecond) {
		select {
		case <-time.After(wait):
		case <-deadline:
			t.Fatal("memcached does not stop")
		}
	}
}

// Resume ends a Pause.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if s.cmd == nil {
		t.Fatal("memcached does not run")
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal %v to memcached: %v", sig, err)
	}
}

func (s *Server) start() error {
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	args := []string{"-l", host, "-p", port, "-U", "0", "-t", "1", "-m", "64"}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root") // it refuses to run as root otherwise
	}
	cmd := exec.Command(s.program, append(args, s.args...)...)
	cmd.SysProcAttr = endsWithParent()
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.dead = cmd, make(chan struct{})
	go func(dead chan<- struct{}) {
		_ = cmd.Wait()
		close(dead)
	}(s.dead)
	if err := s.await(); err != nil {
		s.stop()
		return err
	}
	return nil
}

// await dials until the server answers a command: a port alone might be
// somebody else's.
func (s *Server) await() error {
	deadline := time.After(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := s.probe()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(wait):
		case <-s.dead:
			return fmt.Errorf("memcached ended: %v", s.cmd.ProcessState)
		case <-deadline:
			return fmt.Errorf("memcached does not answer: %w", err)
		}
	}
}

// probe asks the server for its process id, and wants to hear the child's.
func (s *Server) probe() error {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("stats\r\n")); err != nil {
		return err
	}
	want := "STAT pid " + strconv.Itoa(s.cmd.Process.Pid) + "\r\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != want {
		return fmt.Errorf("%q answered on %s, want %q", got, s.Addr, want)
	}
	return nil
}

func (s *Server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.dead
	s.cmd = nil
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
