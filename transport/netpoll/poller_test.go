package netpoll

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

func TestReadyIsCalledOnceForEachArm(t *testing.T) {
	p := newPoller(t)
	c, other := newPair(t, p), newPair(t, p)
	c.arm()
	c.say("a")
	c.wantReady()
	c.say("b") // nobody asked
	other.arm()
	other.say("x")
	other.wantReady()
	c.wantSilence()
	c.wantRead("ab")
	c.say("c")
	c.arm() // behind what is there already
	c.wantReady()
	c.arm() // and again, with nothing read
	c.wantReady()
	c.wantRead("c")
	c.arm()
	other.arm()
	other.wantReady()
	c.wantSilence()
	c.far.Close()
	c.wantReady()
	c.wantSilence()
}

func TestReadyAtTheEnd(t *testing.T) {
	p := newPoller(t)
	for _, tt := range []struct {
		name string
		end  func(c *pair) error
	}{
		{"the far end closes", func(c *pair) error { return c.far.Close() }},
		{"the far end says no more", func(c *pair) error { return c.far.CloseWrite() }},
		{"the far end resets", func(c *pair) error { c.far.SetLinger(0); return c.far.Close() }},
		{"the near end reads no more", func(c *pair) error { return c.near.CloseRead() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newPair(t, p)
			c.arm()
			if err := tt.end(c); err != nil {
				t.Fatal(err)
			}
			c.wantReady()
			if n, err := c.raw.Read(make([]byte, 1), false); n != 0 || err == nil || errors.Is(err, ErrIdle) {
				t.Errorf("read: got %d %v, want the end", n, err)
			}
		})
		t.Run(tt.name+" before", func(t *testing.T) {
			c := newPair(t, p)
			if err := tt.end(c); err != nil {
				t.Fatal(err)
			}
			c.arm()
			c.wantReady()
		})
	}
}

func TestRemove(t *testing.T) {
	p := newPoller(t)
	c, other := newPair(t, p), newPair(t, p)
	p.Remove(&c.raw) // it was never armed
	c.arm()
	c.say("a")
	c.wantReady()
	p.Remove(&c.raw)
	p.Remove(&c.raw)
	c.say("b")
	other.arm()
	other.say("x")
	other.wantReady()
	c.wantSilence()
	c.arm() // it may come back
	c.wantReady()
}

func TestArmOfWhatCannotBeWatched(t *testing.T) {
	p := newPoller(t)
	c := newPair(t, p)
	c.near.Close()
	if p.Arm(&c.raw, c) {
		t.Error("a closed connection was armed")
	}
	p.Remove(&c.raw)
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	raw := p.Conn(near)
	if raw.Works() || p.Arm(&raw, c) {
		t.Error("a pipe was armed")
	}
	p.Remove(&raw)
	var zero Conn
	if zero.Works() || p.Arm(&zero, c) {
		t.Error("no connection was armed")
	}
}

// TestDescriptorsAreUsedAgain: each connection gets its own calls, whoever had
// its descriptor before, and whether that one has said goodbye or not.
func TestDescriptorsAreUsedAgain(t *testing.T) {
	for _, removes := range []bool{true, false} {
		t.Run(fmt.Sprintf("removed=%v", removes), func(t *testing.T) {
			p := newPoller(t)
			l := listen(t)
			again := 0
			seen := map[uintptr]bool{}
			for range 100 {
				c := connect(t, p, l)
				if fd := descriptor(t, c.near); seen[fd] {
					again++
				} else {
					seen[fd] = true
				}
				c.arm()
				c.say("a")
				c.wantReady()
				c.wantRead("a")
				c.arm()
				c.far.Close()
				c.wantReady()
				if removes {
					p.Remove(&c.raw)
				}
				c.near.Close()
			}
			if again == 0 {
				t.Skip("no descriptor was used again")
			}
		})
	}
}

func descriptor(t *testing.T, nc *net.TCPConn) (fd uintptr) {
	t.Helper()
	raw, err := nc.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(is uintptr) { fd = is }); err != nil {
		t.Fatal(err)
	}
	return fd
}

// A server of echoes: what comes is sent back, until the end.
type echoing struct {
	*pair
	ended *sync.WaitGroup
}

func (e *echoing) Ready() {
	p := make([]byte, 16)
	for {
		n, err := e.raw.Read(p, false)
		if errors.Is(err, ErrIdle) {
			if e.poller.Arm(&e.raw, e) {
				return
			}
			e.t.Error("arm: refused")
		}
		if err != nil {
			e.poller.Remove(&e.raw)
			e.near.Close()
			e.ended.Done()
			return
		}
		if done, err := e.raw.TryWrite(p[:n]); done != n || err != nil {
			e.t.Errorf("write: got %d %v, want %d", done, err, n)
		}
	}
}

// TestManyConnections: they come, speak and go all the time.
func TestManyConnections(t *testing.T) {
	p := newPoller(t)
	l := listen(t)
	var ended, speaking sync.WaitGroup
	for range 3 {
		pairs := make([]*pair, 200)
		for i := range pairs {
			pairs[i] = connect(t, p, l)
			ended.Add(1)
			e := &echoing{pairs[i], &ended}
			if !p.Arm(&e.raw, e) {
				t.Fatal("arm: refused")
			}
		}
		for i, c := range pairs {
			speaking.Go(func() {
				defer c.far.Close()
				for range 20 {
					said := make([]byte, 1+rand.IntN(40))
					said[0], said[len(said)-1] = byte(i), byte(i)
					c.say(string(said))
					heard := make([]byte, 0, len(said))
					for len(heard) < len(said) {
						n, err := c.far.Read(heard[len(heard):cap(heard)])
						if err != nil {
							t.Errorf("read: %v", err)
							return
						}
						heard = heard[:len(heard)+n]
					}
					if string(heard) != string(said) {
						t.Errorf("got %x, want %x", heard, said)
					}
				}
			})
		}
		speaking.Wait()
	}
	ended.Wait()
}

func TestNone(t *testing.T) {
	p := None()
	defer p.Close()
	c := newPair(t, p)
	if p.Works() || p.Arm(&c.raw, c) {
		t.Error("a connection was armed")
	}
	p.Remove(&c.raw)
	p.Go(c)
	c.wantReady()
	if !c.raw.Works() {
		t.Skip("reads that don't wait can't be had on this system")
	}
	if n, err := c.raw.TryWrite([]byte("ab")); n != 2 || err != nil {
		t.Errorf("write: got %d %v, want 2", n, err)
	}
	c.say("a")
	if n, err := c.raw.Read(make([]byte, 2), true); n != 1 || err != nil {
		t.Errorf("read: got %d %v, want 1", n, err)
	}
}

// TestCloseWaits: for what is called, and what is due.
func TestCloseWaits(t *testing.T) {
	p := newPoller(t)
	many := atOnce*runtime.GOMAXPROCS(0) + 3
	leave := make(chan struct{})
	entered, left := make(chan struct{}, many), make(chan struct{}, many)
	for range many {
		p.Go(waiter(func() {
			entered <- struct{}{}
			<-leave
			left <- struct{}{}
		}))
	}
	<-entered
	closed := make(chan struct{})
	go func() { p.set.close(); close(closed) }()
	select {
	case <-closed:
		t.Error("Close did not wait")
	case <-entered:
	}
	close(leave)
	<-closed
	if len(left) != many {
		t.Errorf("got %d calls by the end, want %d", len(left), many)
	}
}

// A waiter is a func.
type waiter func()

func (w waiter) Ready() { w() }

func TestErrorsOfTheSystem(t *testing.T) {
	p := newPoller(t)
	c := newPair(t, p)
	c.far.SetLinger(0)
	c.far.Close()
	c.arm()
	c.wantReady()
	if _, err := c.raw.Read(make([]byte, 1), true); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read: got %v, want %v", err, syscall.ECONNRESET)
	}
	if _, err := c.raw.TryWrite([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: got %v, want %v", err, syscall.EPIPE)
	}
}
