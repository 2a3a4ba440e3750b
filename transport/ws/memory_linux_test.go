package ws

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/commchannel/gateway/transport"
)

// mostIdle is what an idle connection with one subscription may take of the
// heap and the stacks, in bytes. docs/performance.md tells of what it is made.
// The process takes up to half as much again, until garbage is collected.
const mostIdle = 3600

// TestIdleConnMemory holds the budget of an idle connection. The clients'
// ends are bare descriptors, which take no memory of the process's own.
func TestIdleConnMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory would be measured, too")
	}
	const many, begin = 2000, 200 // the first ones fill pools and caches
	h := newHandler(t, transport.Limits{}, nil)
	addr := serve(t, h)
	var before uint64
	clients := make([]int, 0, many+begin)
	defer func() {
		for _, fd := range clients {
			syscall.Close(fd)
		}
	}()
	for i := range many + begin {
		if i == begin {
			eventually(t, func() bool { return h.Connections() == begin })
			before = held()
		}
		clients = append(clients, bareSocket(t))
		subscribeBare(t, clients[i], addr, fmt.Sprintf("?clientid=client%d", i))
	}
	eventually(t, func() bool { return h.Connections() == many+begin })
	per := int64(held()-before) / many
	t.Logf("%d bytes a connection", per)
	if per > mostIdle || per < 500 {
		t.Errorf("got %d bytes a connection, want at most %d", per, mostIdle)
	}
}

// held is what the heap and the stacks take once garbage is collected.
func held() uint64 {
	var m runtime.MemStats
	for range 3 { // finalizers, and what only they held
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// bareSocket is a socket without a net.Conn.
func bareSocket(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// subscribeBare connects fd, subscribes, and waits until it is told.
func subscribeBare(t *testing.T, fd int, addr, query string) {
	t.Helper()
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	timeout := syscall.NsecToTimeval(time.Minute.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Write(fd, handshake(query, maskedText(`{"op":"subscribe","ref":1,"channel":"room"}`))); err != nil {
		t.Fatal(err)
	}
	var room [4096]byte
	got := room[:0]
	for !bytes.Contains(got, []byte(`"subscribed"`)) {
		n, err := syscall.Read(fd, room[len(got):])
		if err == syscall.EINTR {
			continue // Go's scheduler has interrupted it
		}
		if err != nil || n == 0 {
			t.Fatalf("after %q: %d, %v", got, n, err)
		}
		got = room[:len(got)+n]
	}
}
