package memcachedtest

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestHaltedServerDoesNotAnswer(t *testing.T) {
	s := Start(t)
	for range 20 {
		conn, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		s.Halt(t)
		if _, err := conn.Write([]byte("version\r\n")); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %d bytes, %v, want a timeout", n, err)
		}
		s.Resume(t)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatalf("after Resume: %v", err)
		}
		conn.Close()
	}
}
