package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/commchannel/gateway/internal/bench"
)

// A stream is a Session of one request, whose answer never ends: lines, in
// chunks.
type stream struct {
	first []byte // the request
	line  func(p []byte, in *bench.Inbox) error

	begun bool   // the answer's header is read
	part  []byte // of a line, whose end has not come
}

// Open is for the reader.
func (s *stream) Open(dst []byte) ([]byte, bool) { return append(dst, s.first...), false }

// Take is for the reader.
func (s *stream) Take(p []byte, in *bench.Inbox) (used int, err error) {
	if !s.begun {
		end := bytes.Index(p, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, nil
		}
		status, _, _ := bytes.Cut(p, []byte("\r\n"))
		if encoding, _ := bench.HeaderValue(p[:end], "Transfer-Encoding"); !bytes.HasPrefix(p, []byte("HTTP/1.1 200 ")) || string(encoding) != "chunked" {
			return 0, fmt.Errorf("the server answered %s, not in chunks", status)
		}
		s.begun, used = true, end+4
	}
	for {
		chunk, size, err := readChunk(p[used:])
		if size == 0 || err != nil {
			return used, err
		}
		used += size
		if err := s.take(chunk, in); err != nil {
			return used, err
		}
	}
}

// readChunk reads a chunk. Its size, with all that is around it, is 0 where it
// is not all there.
func readChunk(p []byte) (chunk []byte, size int, err error) {
	head, rest, found := bytes.Cut(p, []byte("\r\n"))
	if !found {
		return nil, 0, nil
	}
	n, err := strconv.ParseUint(string(head), 16, 24)
	if err != nil {
		return nil, 0, fmt.Errorf("a chunk of %q bytes", head)
	}
	if n == 0 {
		return nil, 0, errors.New("the answer has ended")
	}
	if len(rest) < int(n)+2 {
		return nil, 0, nil
	}
	return rest[:n], len(head) + 2 + int(n) + 2, nil
}

// take takes the lines of a chunk.
func (s *stream) take(chunk []byte, in *bench.Inbox) error {
	for {
		line, rest, found := bytes.Cut(chunk, []byte{'\n'})
		if !found {
			s.part = append(s.part, line...)
			return nil
		}
		if len(s.part) > 0 {
			line = append(s.part, line...)
			s.part = s.part[:0]
		}
		if err := s.line(line, in); err != nil {
			return err
		}
		chunk = rest
	}
}
