package netpoll

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newDetachedPair is a pair whose near end is detached.
func newDetachedPair(t *testing.T, p *Poller) *pair {
	t.Helper()
	c := newPair(t, p)
	if !p.Detach(&c.raw, c.near) {
		t.Fatal("detach: refused")
	}
	t.Cleanup(func() {
		p.Remove(&c.raw)
		c.raw.Close()
	})
	return c
}

func TestDetach(t *testing.T) {
	p := newPoller(t)
	c := newPair(t, p)
	c.say("before")
	c.arm()
	c.wantReady()
	if !p.Detach(&c.raw, c.near) {
		t.Fatal("detach: refused")
	}
	if _, err := c.near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write to what was detached: got %v, want %v", err, net.ErrClosed)
	}
	c.wantRead("before")
	for _, wait := range []bool{false, true} {
		if n, err := c.raw.Read(make([]byte, 1), wait); n != 0 || !errors.Is(err, ErrIdle) {
			t.Errorf("with nothing there: got %d %v, want %v", n, err, ErrIdle)
		}
	}
	for _, text := range []string{"a", "b"} {
		c.arm()
		c.say(text)
		c.wantReady()
		c.wantRead(text)
	}
	if n, err := c.raw.TryWrite([]byte("answer")); n != 6 || err != nil {
		t.Errorf("write: got %d %v, want 6", n, err)
	}
	c.wantAtFarEnd("answer")

	if err := c.raw.CloseWrite(); err != nil {
		t.Error(err)
	}
	if n, err := c.far.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind CloseWrite: got %d %v, want %v", n, err, io.EOF)
	}
	c.arm()
	if err := c.raw.CloseRead(); err != nil {
		t.Error(err)
	}
	c.wantReady()
	if n, err := c.raw.Read(make([]byte, 1), false); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind CloseRead: got %d %v, want %v", n, err, io.EOF)
	}

	p.Remove(&c.raw)
	if err := c.raw.Close(); err != nil {
		t.Error(err)
	}
	if p.Arm(&c.raw, c) {
		t.Error("a closed connection was armed")
	}
	p.Remove(&c.raw)
	_, errRead := c.raw.Read(make([]byte, 1), false)
	_, errWrite := c.raw.TryWrite([]byte("x"))
	_, errWaiting := c.raw.Waiting()
	for _, err := range []error{errRead, errWrite, errWaiting, c.raw.CloseRead(), c.raw.Close()} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: got %v, want %v", err, net.ErrClosed)
		}
	}
}

func (c *pair) wantAtFarEnd(text string) {
	c.t.Helper()
	c.far.SetReadDeadline(time.Now().Add(patience))
	p := make([]byte, len(text))
	if _, err := io.ReadFull(c.far, p); err != nil || string(p) != text {
		c.t.Fatalf("at the far end: got %q %v, want %q", p, err, text)
	}
}

// TestDetachedIsInNoPollerOfGos, which is what it is for.
func TestDetachedIsInNoPollerOfGos(t *testing.T) {
	p := newPoller(t)
	c := newPair(t, p)
	c.arm()
	before := c.descriptor()
	if got := sets(t, before); got != 2 { // Go's and ours
		t.Skipf("a connection is in %d epoll sets, not in two: nothing can be told from that", got)
	}
	c.say("x")
	c.wantReady()
	if !p.Detach(&c.raw, c.near) {
		t.Fatal("detach: refused")
	}
	for _, fd := range []uintptr{before, c.descriptor()} {
		if got := sets(t, fd); got != 0 {
			t.Errorf("detached, it is in %d epoll sets, want none", got)
		}
	}
	c.arm()
	if got := sets(t, c.descriptor()); got != 1 {
		t.Errorf("armed, it is in %d epoll sets, want one", got)
	}
	c.wantReady()
	p.Remove(&c.raw)
	c.raw.Close()
}

// descriptor is that of c's near end.
func (c *pair) descriptor() (fd uintptr) {
	c.t.Helper()
	if err := c.raw.raw.Control(func(is uintptr) { fd = is }); err != nil {
		c.t.Fatal(err)
	}
	return fd
}

// sets counts the epoll sets of this process that fd is in.
func sets(t *testing.T, fd uintptr) (n int) {
	t.Helper()
	mine := regexp.MustCompile(fmt.Sprintf(`(?m)^tfd:\s+%d\s`, fd))
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		if text, err := os.ReadFile(info); err == nil && mine.Match(text) { // else it is closed by now
			n++
		}
	}
	return n
}

// TestWaitingBesideADetachedConnection: it waits for room, and leaves the
// connection as it was.
func TestWaitingBesideADetachedConnection(t *testing.T) {
	p := newPoller(t)
	c := newDetachedPair(t, p)
	nc, err := c.raw.Waiting()
	if err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	written := make(chan error, 1)
	go func() {
		_, err := nc.Write(large)
		written <- errors.Join(err, nc.Close())
	}()
	c.wantAtFarEnd(string(large))
	if err := <-written; err != nil {
		t.Error(err)
	}
	c.arm()
	c.say("x")
	c.wantReady()
	c.wantRead("x")
	if n, err := c.raw.TryWrite([]byte("y")); n != 1 || err != nil {
		t.Errorf("write: got %d %v, want 1", n, err)
	}
	c.wantAtFarEnd("y")

	if nc, err = c.raw.Waiting(); err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("with nothing to read: got %v, want %v", err, os.ErrDeadlineExceeded)
	}
	if got, want := nc.RemoteAddr().String(), c.far.LocalAddr().String(); got != want {
		t.Errorf("its far end: got %s, want %s", got, want)
	}
}

func TestDetachOfWhatCannotBe(t *testing.T) {
	p := newPoller(t)
	c := newPair(t, p)
	if None().Detach(&c.raw, c.near) {
		t.Error("a Poller that watches nothing has detached a connection")
	}
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	raw := p.Conn(near)
	if p.Detach(&raw, near) {
		t.Error("a pipe was detached")
	}
	if err := raw.Close(); err != nil {
		t.Error(err)
	}
	c.near.Close()
	if p.Detach(&c.raw, c.near) {
		t.Error("a closed connection was detached")
	}
}

// TestDetachWithoutADescriptor: with no more files to be had all stays as it is.
func TestDetachWithoutADescriptor(t *testing.T) {
	p := newPoller(t)
	c, detached := newPair(t, p), newDetachedPair(t, p)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := syscall.Rlimit{Cur: 1, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Skip(err)
	}
	refused := !p.Detach(&c.raw, c.near)
	nc, err := detached.raw.Waiting()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !refused {
		t.Error("a connection was detached")
	}
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "fcntl") {
		t.Errorf("waiting: got %v %v, want %v", nc, err, syscall.EMFILE)
	}
	for _, c := range []*pair{c, detached} {
		c.arm()
		c.say("x")
		c.wantReady()
		c.wantRead("x")
	}
	if _, err := c.near.Write([]byte("y")); err != nil {
		t.Error(err)
	}
	c.wantAtFarEnd("y")
}
