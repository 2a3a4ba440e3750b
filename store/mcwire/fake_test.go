package mcwire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A peer is a server that the test itself plays, over an in-memory connection
// without any buffer.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// against connects to a peer that does what play says, and then reads whatever
// else comes until the connection is closed.
func against(t *testing.T, cfg Config, play func(p *peer)) *Conn {
	t.Helper()
	near, far := net.Pipe()
	p := &peer{t, far, bufio.NewReader(far)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		play(p)
		_, _ = io.Copy(io.Discard, p.in)
	}()
	c := New(near, cfg)
	t.Cleanup(func() {
		c.Close()
		<-done
	})
	return c
}

// hears reads lines, and wants them to be these.
func (p *peer) hears(want ...string) {
	for _, w := range want {
		got, err := p.in.ReadString('\n')
		if err != nil || got != w+"\r\n" {
			p.t.Errorf("the server got %q, %v, want %q", got, err, w)
			return
		}
	}
}

// says sends text. The other side may be gone already.
func (p *peer) says(text string) { _, _ = io.WriteString(p.conn, text) }

// answers reads requests up to mn, and sends text.
func (p *peer) answers(text string) {
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			return
		}
		if line == "mn\r\n" {
			p.says(text)
			return
		}
	}
}

func (p *peer) hasMeta() { p.hears("mn"); p.says("MN\r\n") }

// end is a peer's answer behind which it closes the connection.
const end = "<end>"

func TestWhatServersMayNotAnswer(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		want   error
	}{
		{"nonsense", "HELLO\r\n", ErrProtocol},
		{"an empty line", "\r\n", ErrProtocol},
		{"an error", "SERVER_ERROR out of memory\r\n", ErrProtocol},
		{"a miss that q suppresses", "EN\r\n", ErrProtocol},
		{"nothing behind HD", "HD\r\n", ErrProtocol},
		{"no size", "VA\r\n", ErrProtocol},
		{"no flags", "VA 1\r\n", ErrProtocol},
		{"size not a number", "VA x c1 f0 O0\r\n", ErrProtocol},
		{"size below 0", "VA -1 c1 f0 O0\r\n", ErrProtocol},
		{"size beyond memcached's", "VA 1073741825 c1 f0 O0\r\n", ErrProtocol},
		{"size beyond all numbers", "VA 99999999999999999999 c1 f0 O0\r\n", ErrProtocol},
		{"CAS beyond 64 bits", "VA 1 c18446744073709551616 f0 O0\r\nv\r\n", ErrProtocol},
		{"flags beyond 32 bits", "VA 1 c1 f4294967296 O0\r\nv\r\n", ErrProtocol},
		{"no CAS", "VA 1 f0 O0\r\nv\r\n", ErrProtocol},
		{"an empty CAS", "VA 1 c f0 O0\r\nv\r\n", ErrProtocol},
		{"two CASes", "VA 1 c1 c1 f0 O0\r\nv\r\n", ErrProtocol},
		{"no index", "VA 1 c1 f0\r\nv\r\n", ErrProtocol},
		{"two spaces", "VA 1 c1  f0 O0\r\nv\r\n", ErrProtocol},
		{"an index of no key", "VA 1 c1 f0 O2\r\nv\r\n", ErrProtocol},
		{"an index twice", "VA 1 c1 f0 O0\r\nv\r\nVA 1 c1 f0 O0\r\nv\r\n", ErrProtocol},
		{"out of order", "VA 1 c1 f0 O1\r\nv\r\nVA 1 c1 f0 O0\r\nv\r\n", ErrProtocol},
		{"no value though it is not known", "HD c1 f0 O0\r\n", ErrProtocol},
		{"a value that is too long", "VA 1 c1 f0 O0\r\nvv\r\n", ErrProtocol},
		{"a value without an end", "VA 1 c1 f0 O0\r\nvxxMN\r\n", ErrProtocol},
		{"words behind the end", "MN x\r\n", ErrProtocol},
		{"a line too long", strings.Repeat("x", maxLine+1) + "\r\n", ErrProtocol},
		{"a line without an end", strings.Repeat("x", 2*readBuffer), ErrProtocol},
		{"the connection's end", end, io.ErrUnexpectedEOF},
		{"its end in a line", "VA 1 c1" + end, io.ErrUnexpectedEOF},
		{"its end in a value", "VA 10 c1 f0 O0\r\nvvv" + end, io.ErrUnexpectedEOF},
		{"its end behind a value", "VA 1 c1 f0 O0\r\nv" + end, io.ErrUnexpectedEOF},
		{"its end in a large value", "VA 1073741824 c1 f0 O0\r\nvvv" + end, io.ErrUnexpectedEOF},
		{"silence", "", os.ErrDeadlineExceeded},
		{"silence in a line", "VA 1", os.ErrDeadlineExceeded},
		{"silence in a value", "VA 10 c1 f0 O0\r\nvvv", os.ErrDeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := against(t, Config{}, func(p *peer) {
					p.hasMeta()
					answer, ends := strings.CutSuffix(tt.answer, end)
					p.answers(answer)
					if ends {
						p.conn.Close()
					}
				})
				begun := time.Now()
				err := c.GetChanged(t.Context(), []Want{{Key: "a"}, {Key: "b"}}, func(Result) {})
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if took := time.Since(begun); took > time.Second {
					t.Errorf("it took %v, the timeout is 1s", took)
				}
				checkClosed(t, c)
			})
		})
	}
}

// checkClosed wants that the connection is closed, and says so.
func checkClosed(t *testing.T, c *Conn) {
	t.Helper()
	if _, err := c.conn.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
	if _, err := c.Stats(t.Context()); err == nil || !strings.Contains(err.Error(), "not usable") {
		t.Errorf("another exchange: got %v, want one that is refused", err)
	}
}

func TestTimeoutIsNotRenewedByEachByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := against(t, Config{Timeout: time.Second}, func(p *peer) {
			p.hasMeta()
			p.answers("VA 1000 c1 f0 O0\r\n")
			for range 1000 {
				time.Sleep(900 * time.Millisecond)
				p.says("v")
			}
		})
		begun := time.Now()
		err := c.GetChanged(t.Context(), []Want{{Key: "a"}}, func(Result) {})
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want a timeout", err)
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it took %v, want 1s", took)
		}
	})
}

func TestTimeoutIsOfEachAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := against(t, Config{Timeout: time.Second}, func(p *peer) {
			p.hasMeta()
			for _, answer := range []string{"VA 1 c1 f0 O0\r\na\r\n", "VA 1 c1 f0 O1\r\nb\r\n", "MN\r\n"} {
				time.Sleep(900 * time.Millisecond)
				if answer[0] == 'V' && strings.Contains(answer, "O0") {
					p.answers(answer)
				} else {
					p.says(answer)
				}
			}
		})
		var values string
		err := c.GetChanged(t.Context(), []Want{{Key: "a"}, {Key: "b"}}, func(r Result) { values += string(r.Value) })
		if err != nil || values != "ab" {
			t.Errorf("got %q, %v, want ab", values, err)
		}
	})
}

func TestServersWithoutMetaCommands(t *testing.T) {
	for version, answer := range map[string]string{"1.5.6": "ERROR", "1.5.22": "EN"} {
		t.Run(version, func(t *testing.T) {
			c := against(t, Config{}, func(p *peer) {
				p.hears("mn")
				p.says(answer + "\r\n")
				p.hears("stats") // and is not asked for mn again
				p.says("STAT version " + version + "\r\nEND\r\n")
				p.hears("stats settings")
				p.says("END\r\n")
			})
			for _, get := range []getFunc{c.GetChanged, c.Heads} {
				if err := get(t.Context(), []Want{{Key: "a"}}, nil); !errors.Is(err, ErrNoMeta) {
					t.Errorf("got %v, want ErrNoMeta", err)
				}
			}
			if s, err := c.Stats(t.Context()); err != nil || s.Version != version {
				t.Errorf("then Stats: got %q, %v, want %q", s.Version, err, version)
			}
		})
	}
	c := against(t, Config{}, func(p *peer) { p.hears("mn"); p.says("HELLO\r\n") })
	if err := c.Heads(t.Context(), []Want{{Key: "a"}}, nil); !errors.Is(err, ErrProtocol) {
		t.Errorf("of a server that answers mn with nonsense: got %v, want ErrProtocol", err)
	}
}

func TestContextCutsAnExchangeOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := against(t, Config{Timeout: time.Hour}, func(p *peer) {
			p.hasMeta()
			p.answers("VA 5 c1 f0 O0\r\nabc") // and no more
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := c.GetChanged(ctx, []Want{{Key: "a"}}, func(Result) {})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that of the context", err)
		}
		checkClosed(t, c)
	})
}

func TestContextThatHasEndedSendsNothing(t *testing.T) {
	c := against(t, Config{}, func(p *peer) {
		p.hears("stats")
		p.says("END\r\n")
		p.hears("stats settings")
		p.says("END\r\n")
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := c.Stats(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestPanicInEachSpoilsTheConnection(t *testing.T) {
	c := against(t, Config{}, func(p *peer) {
		p.hasMeta()
		p.answers("VA 1 c1 f0 O0\r\na\r\nVA 1 c1 f0 O1\r\nb\r\nMN\r\n")
	})
	func() {
		defer func() { _ = recover() }()
		_ = c.GetChanged(t.Context(), []Want{{Key: "a"}, {Key: "b"}}, func(Result) { panic("each") })
	}()
	if _, err := c.Stats(t.Context()); !errors.Is(err, errUnfinished) {
		t.Errorf("got %v, want errUnfinished", err)
	}
}
