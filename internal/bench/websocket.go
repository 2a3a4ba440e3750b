package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A WebSocket is a Session over one. It takes frames that are whole messages
// and not compressed: all that servers send who were not asked for more.
type WebSocket struct {
	Host   string // of the request
	Path   string // of the request, with its query
	Header string // more of the request, each line with its CR and LF; may be empty
	Hello  []byte // frames that the client says first; empty: none, and it is ready
	// Frame takes a message.
	Frame func(p []byte, in *Inbox) error

	upgraded bool
}

var _ Session = (*WebSocket)(nil)

// Open is for the reader.
func (w *WebSocket) Open(dst []byte) ([]byte, bool) {
	return fmt.Appendf(dst, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n", w.Path, w.Host, w.Header), false
}

// Take is for the reader.
func (w *WebSocket) Take(p []byte, in *Inbox) (used int, err error) {
	if !w.upgraded {
		if used, err = upgraded(p); used == 0 {
			return 0, err
		}
		w.upgraded = true
		if in.Say(w.Hello); len(w.Hello) == 0 {
			in.Ready()
		}
	}
	for {
		f, size, err := readFrame(p[used:])
		if size == 0 || err != nil {
			return used, err
		}
		used += size
		if err := w.take(f, in); err != nil {
			return used, err
		}
	}
}

func (w *WebSocket) take(f frame, in *Inbox) error {
	switch f.op {
	case opText, opBinary:
		return w.Frame(f.payload, in)
	case opPing:
		in.Say(appendFrame(nil, opPong, f.payload))
	case opClose:
		if len(f.payload) < 2 {
			return errors.New("the server closed the connection")
		}
		return fmt.Errorf("the server closed the connection: %d %s", binary.BigEndian.Uint16(f.payload), f.payload[2:])
	case opPong:
	default:
		return fmt.Errorf("a frame of type %d, or a part of a message", f.op)
	}
	return nil
}

// upgraded is the size of the answer to the handshake, 0 if it is not all
// there.
func upgraded(p []byte) (int, error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return 0, nil
	}
	if !bytes.HasPrefix(p, []byte("HTTP/1.1 101 ")) {
		status, _, _ := bytes.Cut(p, []byte("\r\n"))
		return 0, fmt.Errorf("the server answered %s: %s", status, bytes.TrimSpace(p[end:]))
	}
	return end + 4, nil
}

// The types of frames.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

type frame struct {
	op      byte // with the bits for compression; 0 for all but the last part of a message
	payload []byte
}

// readFrame reads a server's frame. Its size is 0 where it is not all there.
func readFrame(p []byte) (f frame, size int, err error) {
	if len(p) < 2 {
		return f, 0, nil
	}
	if p[1]&0x80 != 0 {
		return f, 0, errors.New("a masked frame from the server")
	}
	length, header := uint64(p[1]), 2
	switch {
	case length == 126 && len(p) >= 4:
		length, header = uint64(binary.BigEndian.Uint16(p[2:])), 4
	case length == 127 && len(p) >= 10:
		length, header = binary.BigEndian.Uint64(p[2:]), 10
	case length >= 126:
		return f, 0, nil
	}
	if length > maxFrame {
		return f, 0, fmt.Errorf("a frame of %d bytes", length)
	}
	size = header + int(length)
	if len(p) < size {
		return f, 0, nil
	}
	if p[0]&0x80 != 0 {
		f.op = p[0] & 0x7f
	}
	f.payload = p[header:size]
	return f, size, nil
}

// maxFrame is the most of a frame or an answer that is waited for.
const maxFrame = 16 << 20

// TextFrame appends text to dst as a client's frame.
func TextFrame(dst []byte, text []byte) []byte { return appendFrame(dst, opText, text) }

// BinaryFrame appends p to dst as a client's frame.
func BinaryFrame(dst []byte, p []byte) []byte { return appendFrame(dst, opBinary, p) }

// appendFrame appends payload to dst as a client's frame, masked with zeros.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}
