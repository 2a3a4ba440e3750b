package mcwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrListRefused: the server does not list its keys: it is older than 1.4.31,
// was told not to, or has been about it for somebody else for more than a
// second. Its words are in the text.
var ErrListRefused = errors.New("keys not listed")

// Keys has the server list all keys it holds, in no order; each gets them one
// by one while they come, and must neither keep one nor use the connection.
// What is written meanwhile may be missing. The error is nil, ErrListRefused,
// or another; any but nil closes the connection.
//
// It is not for daily use: the server goes through all its memory, a part at a
// time, and does so for one client only.
func (c *Conn) Keys(ctx context.Context, each func(key []byte)) error {
	return c.exchange(ctx, "list keys", func() error {
		line, err := c.askForKeys(ctx)
		if err == nil && string(line) == "OK" { // some since 1.6.38 begin with it
			line, err = c.line()
		}
		buffer := make([]byte, 0, maxKey)
		for {
			switch {
			case err != nil:
				return err
			case string(line) == "END":
				return nil
			}
			key, ok := listedKey(buffer, line)
			if !ok {
				return notListed(line)
			}
			each(key)
			c.expect(c.cfg.Timeout)
			line, err = c.line()
		}
	})
}

// A server looks through its memory of its own accord, too, and is busy for some
// milliseconds then.
const (
	busyTries = 10
	busyPause = 100 * time.Millisecond
)

// askForKeys returns the answer's first line.
func (c *Conn) askForKeys(ctx context.Context) (line []byte, err error) {
	for try := 0; ; try++ {
		line, err = c.ask("lru_crawler metadump all")
		if err != nil || !bytes.HasPrefix(line, []byte("BUSY")) || try == busyTries {
			return line, err
		}
		select {
		case <-ctx.Done(): // and the next ask fails
		case <-time.After(busyPause):
		}
	}
}

// listedKey reads key=<percent-encoded> exp=... la=... cas=... and more, into
// buffer.
func listedKey(buffer, line []byte) (key []byte, ok bool) {
	word, _, _ := bytes.Cut(line, space)
	encoded, ok := bytes.CutPrefix(word, []byte("key="))
	if !ok {
		return nil, false
	}
	key, ok = decode(buffer[:0], encoded)
	return key, ok && len(key) > 0
}

func notListed(line []byte) error {
	for _, word := range []string{"ERROR", "CLIENT_ERROR", "SERVER_ERROR", "BUSY", "LOCKED"} {
		if bytes.HasPrefix(line, []byte(word)) {
			return fmt.Errorf("%w: %.80q", ErrListRefused, line)
		}
	}
	return surprise(line)
}
