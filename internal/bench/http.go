package bench

import (
	"bytes"
	"errors"
	"fmt"
)

// An HTTP is a Session of requests over one connection, which the server keeps
// open and answers in their order, each with a Content-Length.
type HTTP struct {
	First []byte // the request to begin with; empty: none
	Ready bool   // with that said all is done that is needed to begin
	// Answer takes the answer to a request, if its status is one of success.
	Answer func(header, body []byte, in *Inbox) error
}

var _ Session = (*HTTP)(nil)

// Open is for the reader.
func (h *HTTP) Open(dst []byte) ([]byte, bool) { return append(dst, h.First...), h.Ready }

// Take is for the reader.
func (h *HTTP) Take(p []byte, in *Inbox) (used int, err error) {
	for {
		header, body, err := readAnswer(p[used:])
		if header == nil || err != nil {
			return used, err
		}
		used += len(header) + len(body)
		if err := h.Answer(header, body, in); err != nil {
			return used, err
		}
	}
}

// readAnswer reads an answer. Its header is nil where it is not all there.
func readAnswer(p []byte) (header, body []byte, err error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, nil, nil
	}
	end += 4
	length, err := contentLength(p[:end])
	if err != nil {
		return nil, nil, err
	}
	if len(p) < end+length {
		return nil, nil, nil
	}
	header, body = p[:end], p[end:end+length]
	if !bytes.HasPrefix(header, []byte("HTTP/1.1 2")) {
		status, _, _ := bytes.Cut(header, []byte("\r\n"))
		return nil, nil, fmt.Errorf("the server answered %s: %s", status, bytes.TrimSpace(body))
	}
	return header, body, nil
}

func contentLength(header []byte) (int, error) {
	value, ok := HeaderValue(header, "Content-Length")
	if !ok {
		return 0, errors.New("an answer without a Content-Length")
	}
	n, digits := number(value)
	if digits == 0 || digits != len(value) || n > maxFrame {
		return 0, fmt.Errorf("an answer with a Content-Length of %s", value)
	}
	return int(n), nil
}

// HeaderValue is the value of a field of a header, as it is there.
func HeaderValue(header []byte, name string) ([]byte, bool) {
	for len(header) > 0 {
		var line []byte
		line, header, _ = bytes.Cut(header, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:]), true
		}
	}
	return nil, false
}

// Post appends a POST of a body to dst.
func Post(dst []byte, host, path, contentType string, body []byte) []byte {
	dst = fmt.Appendf(dst, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, host, contentType, len(body))
	return append(dst, body...)
}
