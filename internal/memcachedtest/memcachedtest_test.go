package memcachedtest

import (
	"net"
	"testing"
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
