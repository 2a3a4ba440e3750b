package netpoll

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// newWorkingPair is a pair whose near end reads and writes without waiting, or
// the test is skipped.
func newWorkingPair(t *testing.T) *pair {
	t.Helper()
	c := newPair(t, None())
	if !c.raw.Works() {
		t.Skip("reads that don't wait can't be had on this system")
	}
	return c
}

func TestReadWithoutWaiting(t *testing.T) {
	c := newWorkingPair(t)
	p := make([]byte, 4)
	if n, err := c.raw.Read(p, false); n != 0 || !errors.Is(err, ErrIdle) {
		t.Errorf("with nothing there: got %d %v, want %v", n, err, ErrIdle)
	}
	c.say("abcdef")
	c.wantReadWaiting("abcd")
	c.wantReadWaiting("ef")
	if n, err := c.raw.Read(p, false); n != 0 || !errors.Is(err, ErrIdle) {
		t.Errorf("behind all: got %d %v, want %v", n, err, ErrIdle)
	}
	c.say("z")
	c.far.Close()
	c.wantReadWaiting("z")
	for range 2 {
		if n, err := c.raw.Read(p, true); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: got %d %v, want %v", n, err, io.EOF)
		}
	}
}

// wantReadWaiting wants a Read of four bytes that waits to give text.
func (c *pair) wantReadWaiting(text string) {
	c.t.Helper()
	p := make([]byte, 4)
	if n, err := c.raw.Read(p, true); err != nil || string(p[:n]) != text {
		c.t.Fatalf("read: got %q %v, want %q", p[:n], err, text)
	}
}

func TestReadThatWaits(t *testing.T) {
	c := newWorkingPair(t)
	got := make(chan error, 1)
	p := make([]byte, 4)
	go func() {
		_, err := c.raw.Read(p, true)
		got <- err
	}()
	c.say("ab")
	if err := <-got; err != nil || string(p[:2]) != "ab" {
		t.Errorf("got %q %v, want ab", p, err)
	}
	go func() {
		_, err := c.raw.Read(p, true)
		got <- err
	}()
	c.near.Close()
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

func TestReadDeadline(t *testing.T) {
	c := newWorkingPair(t)
	c.near.SetReadDeadline(time.Now().Add(time.Millisecond))
	p := make([]byte, 4)
	if n, err := c.raw.Read(p, true); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %d %v, want %v", n, err, os.ErrDeadlineExceeded)
	}
	c.near.SetReadDeadline(time.Time{})
	if n, err := c.raw.Read(p, false); n != 0 || !errors.Is(err, ErrIdle) {
		t.Errorf("got %d %v, want %v", n, err, ErrIdle)
	}
	c.say("ab")
	c.wantReadWaiting("ab")
}

func TestWriteWithoutWaiting(t *testing.T) {
	c := newWorkingPair(t)
	if n, err := c.raw.TryWrite(nil); n != 0 || err != nil {
		t.Errorf("of nothing: got %d %v", n, err)
	}
	sent := make([]byte, 32<<20) // more than sockets take
	for i := range sent {
		sent[i] = byte(i >> 8)
	}
	n, err := c.raw.TryWrite(sent)
	if err != nil || n == 0 || n == len(sent) {
		t.Fatalf("got %d %v, want a part of %d", n, err, len(sent))
	}
	heard := make([]byte, n)
	if _, err := io.ReadFull(c.far, heard); err != nil || !bytes.Equal(heard, sent[:n]) {
		t.Errorf("the far end got something else: %v", err)
	}
	// It is the connection's own Write that waits for the rest.
	go func() {
		if _, err := c.near.Write(sent[n:]); err != nil {
			t.Errorf("write: %v", err)
		}
		c.near.CloseWrite()
	}()
	if rest, err := io.ReadAll(c.far); err != nil || !bytes.Equal(rest, sent[n:]) {
		t.Errorf("the far end got something else: %d bytes, %v", len(rest), err)
	}
	if _, err := c.raw.TryWrite([]byte("x")); err == nil {
		t.Error("a write behind the end went well")
	}
	c.near.Close()
	if n, err := c.raw.TryWrite([]byte("x")); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %d %v, want %v", n, err, net.ErrClosed)
	}
}

// TestConnsThatAreNotTCP: write nothing, and say so.
func TestConnsThatAreNotTCP(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	raw := None().Conn(near)
	if n, err := raw.TryWrite([]byte("x")); raw.Works() || n != 0 || err != nil {
		t.Errorf("got %d %v, works: %v", n, err, raw.Works())
	}
}
