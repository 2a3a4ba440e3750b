package mcwire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// maxLine bounds the server's lines, in bytes. The longest of the known
	// ones are events: a key three times its length, and 200 bytes.
	maxLine = 2 << 10
	// readBuffer is at once how much of a flood of events is read by one
	// system call.
	readBuffer = 32 << 10
)

// A Config is how to speak to a server. Zero values are defaults.
type Config struct {
	// Timeout bounds dialling, each write, and the coming of each answer,
	// such as one key's. 0 is one second.
	Timeout time.Duration
	// MaxValue bounds the values that are read, in bytes. Larger ones are
	// skipped, and reported as TooLarge. 0 is 1 MiB, as in memcached.
	MaxValue int
}

// A Conn is a connection to one memcached. One goroutine at a time may use
// it; only Close may be called from any. It holds about 40 KiB.
type Conn struct {
	conn net.Conn
	cfg  Config
	in   *bufio.Reader
	out  []byte // requests being put together

	patience time.Duration // for the answer being read
	armed    bool          // the read deadline is that of this answer

	broken     error // why no exchange may begin
	meta       metaState
	ignoresCAS bool
}

// Dial connects to addr, host:port, within the timeout and while ctx lasts.
func Dial(ctx context.Context, addr string, cfg Config) (*Conn, error) {
	c := New(nil, cfg)
	d := net.Dialer{Timeout: c.cfg.Timeout}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("mcwire: %w", err)
	}
	c.conn = conn
	c.in.Reset(conn)
	return c, nil
}

// New speaks over a connection that is there already, and owns it from now on.
func New(conn net.Conn, cfg Config) *Conn {
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Second
	}
	if cfg.MaxValue == 0 {
		cfg.MaxValue = 1 << 20
	}
	return &Conn{conn: conn, cfg: cfg, in: bufio.NewReaderSize(conn, readBuffer)}
}

// Close ends the connection, and with it what goes on. It may be called more
// than once, and from any goroutine.
func (c *Conn) Close() error {
	if err := c.conn.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

var errUnfinished = errors.New("the exchange before was left unfinished")

// exchange runs talk, which is cut off when ctx ends. But for ErrNoMeta, any
// error leaves the connection amid an answer, so that it is closed.
func (c *Conn) exchange(ctx context.Context, name string, talk func() error) error {
	if c.broken != nil {
		return fmt.Errorf("mcwire: %s: connection not usable: %w", name, c.broken)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("mcwire: %s: %w", name, err)
	}
	c.broken = errUnfinished // and stays so if talk panics
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	err := talk()
	switch {
	case !stop():
		c.broken = ctx.Err() // closed just now, perhaps behind a complete answer
		if err != nil {
			err = ctx.Err()
		}
	case err == nil || errors.Is(err, ErrNoMeta):
		c.broken = nil
	default:
		c.broken = err
		_ = c.conn.Close()
	}
	if err != nil {
		return fmt.Errorf("mcwire: %s: %w", name, err)
	}
	return nil
}

// send writes what was put together in c.out.
func (c *Conn) send() error {
	c.conn.SetWriteDeadline(time.Now().Add(c.cfg.Timeout))
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// ask sends a command and returns the first line of the answer.
func (c *Conn) ask(command string) ([]byte, error) {
	c.out = append(append(c.out, command...), "\r\n"...)
	if err := c.send(); err != nil {
		return nil, err
	}
	c.expect(c.cfg.Timeout)
	return c.line()
}

// expect begins an answer: what is read until the next call has to come
// within d.
func (c *Conn) expect(d time.Duration) { c.patience, c.armed = d, false }

// arm sets the deadline when an answer first has to be waited for: most are
// in the buffer already.
func (c *Conn) arm() {
	if !c.armed {
		c.conn.SetReadDeadline(time.Now().Add(c.patience))
		c.armed = true
	}
}

// line returns the next line without its end. It is valid until the next
// read. After an error that is a timeout it may be called again.
func (c *Conn) line() ([]byte, error) {
	for seen := 0; ; {
		have, _ := c.in.Peek(c.in.Buffered()) // can't fail
		if i := bytes.IndexByte(have[seen:], '\n'); i >= 0 {
			_, _ = c.in.Discard(seen + i + 1) // buffered
			return checkLine(bytes.TrimSuffix(have[:seen+i], []byte("\r")))
		}
		if _, err := checkLine(have); err != nil {
			return nil, err
		}
		seen = len(have)
		c.arm()
		if _, err := c.in.Peek(seen + 1); err != nil {
			return nil, noEOF(err)
		}
	}
}

func checkLine(line []byte) ([]byte, error) {
	if len(line) > maxLine {
		return nil, fmt.Errorf("a line beyond %d bytes: %w", maxLine, surprise(line))
	}
	return line, nil
}

// value reads a value of size bytes, and the end of its line.
func (c *Conn) value(size int) ([]byte, error) {
	c.arm()
	v := make([]byte, size)
	if _, err := io.ReadFull(c.in, v); err != nil {
		return nil, noEOF(err)
	}
	return v, c.valueEnd()
}

// skip passes over a value of size bytes, and the end of its line.
func (c *Conn) skip(size int) error {
	c.arm()
	if _, err := c.in.Discard(size); err != nil {
		return noEOF(err)
	}
	return c.valueEnd()
}

func (c *Conn) valueEnd() error {
	end, err := c.in.Peek(2)
	if err != nil {
		return noEOF(err)
	}
	if string(end) != "\r\n" {
		return fmt.Errorf("behind a value: %w", surprise(end))
	}
	_, err = c.in.Discard(len(end))
	return err
}

// noEOF: no answer ends by the connection's end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
