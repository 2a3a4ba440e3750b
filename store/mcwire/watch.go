package mcwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// watchSlack is what a server is given beyond the timeout to answer watch:
// its log thread does it, which may be asleep for a second.
const watchSlack = 2 * time.Second

// A Stream is the events of a watching connection. One goroutine at a time
// may use it; only Close may be called from any.
type Stream struct {
	conn   *Conn
	ctx    context.Context // the stream's life, as given to Watch
	stop   func() bool
	filter filter
	err    error // what ended it
}

// Watch asks for the events of keys that begin with one of the prefixes, or
// of all keys where there is none. The connection belongs to the stream then,
// and is closed when ctx ends. It is also closed after an error:
// ErrWatchRefused, ErrTooManyWatchers or another.
//
// While the server is idle, events take up to a second; regular writes of any
// key, such as by SetQuiet over another connection, keep it awake.
func (c *Conn) Watch(ctx context.Context, prefixes ...string) (*Stream, error) {
	if err := c.exchange(ctx, "watch", c.beginWatch); err != nil {
		return nil, err
	}
	c.broken = errors.New("it is watching")
	s := &Stream{conn: c, ctx: ctx, filter: filter{prefixes: prefixes}}
	s.stop = context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	return s, nil
}

func (c *Conn) beginWatch() error {
	line, err := c.ask("version")
	if err != nil {
		return err
	}
	if hangsWhenWatched(line) {
		return fmt.Errorf("%w: 21 watchers would make this version hang: %.80q", ErrWatchRefused, line)
	}
	c.out = append(c.out, "watch mutations\r\n"...)
	if err := c.send(); err != nil {
		return err
	}
	c.expect(c.cfg.Timeout + watchSlack)
	if line, err = c.line(); err != nil {
		return err
	}
	word, _, _ := bytes.Cut(line, space)
	switch string(word) {
	case "OK":
		return nil
	case "WATCHER_TOO_MANY":
		return fmt.Errorf("%w: %.80q", ErrTooManyWatchers, line)
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR", "WATCHER_FAILED":
		return fmt.Errorf("%w: %.80q", ErrWatchRefused, line)
	}
	return surprise(line)
}

// hangsWhenWatched: before 1.5.20 a server that is asked for one watcher too
// many keeps a lock, and with the next one more threads of it stand still.
func hangsWhenWatched(line []byte) bool {
	var major, minor, patch int
	n, _ := fmt.Sscanf(string(line), "VERSION %d.%d.%d", &major, &minor, &patch)
	return n == 3 && (major < 1 || major == 1 && (minor < 5 || minor == 5 && patch < 20))
}

// Next returns the next event. Where none comes within wait, though others
// may that are filtered out, it returns ErrSilent, and may be called again.
// Any other error has closed the stream.
func (s *Stream) Next(wait time.Duration) (Event, error) {
	if s.err != nil {
		return Event{}, s.err
	}
	s.conn.expect(wait)
	for {
		line, err := s.conn.line()
		if err != nil {
			return Event{}, s.fail(err)
		}
		if ev, ok := s.filter.parse(line); ok {
			return ev, nil
		}
	}
}

func (s *Stream) fail(err error) error {
	if ctxErr := s.ctx.Err(); ctxErr != nil {
		err = ctxErr
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrSilent
	}
	s.err = fmt.Errorf("mcwire: watch: %w", err)
	_ = s.Close()
	return s.err
}

// Close ends the stream and its connection. It may be called more than once,
// and from any goroutine.
func (s *Stream) Close() error {
	s.stop()
	return s.conn.Close()
}
