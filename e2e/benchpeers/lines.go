package main

import (
	"bytes"

	"github.com/commchannel/gateway/internal/bench"
)

// lines is a Session of text lines over TCP.
type lines struct {
	first string                                // what the client says first
	ready bool                                  // with that all is done
	line  func(p []byte, in *bench.Inbox) error // takes a line without its end; nil: the server says nothing
}

// Open is for the reader.
func (l *lines) Open(dst []byte) ([]byte, bool) { return append(dst, l.first...), l.ready }

// Take is for the reader.
func (l *lines) Take(p []byte, in *bench.Inbox) (used int, err error) {
	for {
		line, _, found := bytes.Cut(p[used:], []byte{'\n'})
		if !found || l.line == nil {
			return used, nil
		}
		used += len(line) + 1
		if err := l.line(bytes.TrimSuffix(line, []byte{'\r'}), in); err != nil {
			return used, err
		}
	}
}
