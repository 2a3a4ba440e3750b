package memcachedtest

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestServerKeepsItsAddressOverRestarts(t *testing.T) {
	s := Start(t)
	addr, pid := s.Addr, s.cmd.Process.Pid
	s.Kill(t)
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Fatal("a killed server still accepts connections")
	}
	s.Restart(t)
	if s.Addr != addr {
		t.Errorf("address after a restart: got %s, want %s", s.Addr, addr)
	}
	if s.cmd.Process.Pid == pid {
		t.Error("the process is the same after a restart")
	}
	if err := s.probe(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestPauseAndResume(t *testing.T) {
	s := Start(t)
	s.Pause(t)
	conn, err := net.Dial("tcp", s.Addr) // the kernel accepts for it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("version\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 7)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(answer); err == nil {
		t.Fatalf("a paused server answered %q", answer[:n])
	}
	s.Resume(t)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "VERSION" {
		t.Errorf("after the pause: got %q, %v, want VERSION", answer, err)
	}
}
