package mcwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// escape encodes a key as memcached does.
func escape(key []byte) string {
	var b strings.Builder
	for _, c := range key {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// unescape is net/url's idea of it.
func unescape(encoded string) string {
	key, err := url.PathUnescape(encoded)
	if err != nil {
		return "! " + err.Error()
	}
	return key
}

func FuzzAnswer(f *testing.F) {
	for _, line := range []string{"VA 5 c1 f0 O0", "HD c18446744073709551615 f4294967295 O9999", "OK c1 f0 O1 W Z", "MN", "EN", "VA 01 O1 f0 c1"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := parseAnswer(line)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatalf("got %v, want ErrProtocol", err)
			}
			return
		}
		if a.size < 0 || a.size > maxSize || a.index < 0 {
			t.Fatalf("got %+v", a)
		}
		plain := "MN"
		switch a.kind {
		case answerHead:
			plain = fmt.Sprintf("HD c%d f%d O%d", a.cas, a.flags, a.index)
		case answerValue:
			plain = fmt.Sprintf("VA %d c%d f%d O%d", a.size, a.cas, a.flags, a.index)
		}
		if again, err := parseAnswer([]byte(plain)); err != nil || again != a {
			t.Fatalf("%q: got %+v, %v, want %+v", plain, again, err, a)
		}
	})
}

// A recording is a connection that plays what a server has sent.
type recording struct{ io.Reader }

func (recording) Write(p []byte) (int, error)      { return len(p), nil }
func (recording) Close() error                     { return nil }
func (recording) LocalAddr() net.Addr              { return nil }
func (recording) RemoteAddr() net.Addr             { return nil }
func (recording) SetDeadline(time.Time) error      { return nil }
func (recording) SetReadDeadline(time.Time) error  { return nil }
func (recording) SetWriteDeadline(time.Time) error { return nil }

// Whatever a server sends, results come once each and in order, values keep
// their bound, and an error tells of all that is missing.
func FuzzGet(f *testing.F) {
	for _, answers := range []string{
		"MN\r\nVA 5 c1 f0 O0\r\nvalue\r\nHD c3 f7 O2\r\nMN\r\n",
		"MN\r\nVA 12 c9 f0 O1\r\ntwelve bytes\r\nMN\r\n", "MN\r\nVA 5 c3 f0 O2\r\nvalue\r\nMN\r\n",
		"ERROR\r\n", "EN\r\n", "MN\r\nMN\r\n", "MN\r\nVA 1073741824 c1 f0 O0\r\n",
	} {
		f.Add([]byte(answers))
	}
	wants := []Want{{"a", 0}, {"b", 2}, {"c", 3}}
	f.Fuzz(func(t *testing.T, answers []byte) {
		for _, values := range []bool{true, false} {
			c := New(recording{bytes.NewReader(answers)}, Config{MaxValue: 10})
			next := 0
			err := c.get(t.Context(), wants, values, func(r Result) {
				if r.Index != next {
					t.Fatalf("got result %d, want %d", r.Index, next)
				}
				next++
				if len(r.Value) > 10 || len(r.Value) > 0 && r.Status != Changed || r.Status > TooLarge {
					t.Fatalf("got %+v", r)
				}
			})
			if err == nil && next != len(wants) {
				t.Fatalf("got %d results and %v", next, err)
			}
		}
	})
}

// Whatever a server sends, a stream ends where it does.
func FuzzStream(f *testing.F) {
	f.Add([]byte("VERSION 1.6.18\r\nOK\r\n" + storedLine + "\n" + waitingLine + "\nskipped=1\n"))
	f.Add([]byte("VERSION 1.5.6\r\n"))
	f.Add([]byte("ERROR\r\nWATCHER_TOO_MANY\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := New(recording{bytes.NewReader(sent)}, Config{})
		s, err := c.Watch(t.Context(), "channel_")
		if err != nil {
			return
		}
		defer s.Close()
		for range bytes.Count(sent, []byte("\n")) {
			ev, err := s.Next(time.Second)
			if err != nil {
				return
			}
			if (ev.Skipped > 0) == bytes.HasPrefix(ev.Key, []byte("channel_")) {
				t.Fatalf("got %+v", ev)
			}
		}
		if ev, err := s.Next(time.Second); err == nil {
			t.Fatalf("got one event more than lines: %+v", ev)
		}
	})
}
