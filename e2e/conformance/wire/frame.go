// Package wire speaks WebSocket by hand, at either end, so that one can say
// what no library would: frames that are not masked, texts that are no UTF-8,
// messages in fragments, silence where a pong belongs. It bounds what it reads
// and looks after nothing else; RFC 6455 is the other side's to keep.
package wire

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
)

// The opcodes.
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

// maxRead bounds what is read of a message, in bytes.
const maxRead = 16 << 20

// A Frame is one WebSocket frame.
type Frame struct {
	Op      byte
	More    bool // not the last one of its message
	Rsv     byte // the three reserved bits
	Masked  bool
	Payload []byte // not masked
}

// Append appends f to dst as it goes over the wire.
func (f Frame) Append(dst []byte) []byte {
	first := f.Op | f.Rsv<<4
	if !f.More {
		first |= 0x80
	}
	var mask byte
	if f.Masked {
		mask = 0x80
	}
	switch n := len(f.Payload); {
	case n < 126:
		dst = append(dst, first, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, mask|127), uint64(n))
	}
	if !f.Masked {
		return append(dst, f.Payload...)
	}
	var key [4]byte
	_, _ = rand.Read(key[:]) // never fails
	dst = append(dst, key[:]...)
	for i, b := range f.Payload {
		dst = append(dst, b^key[i%4])
	}
	return dst
}

// ReadFrame reads one frame, of 16 MiB at most.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return Frame{}, err
	}
	f := Frame{Op: head[0] & 0xF, More: head[0]&0x80 == 0, Rsv: head[0] >> 4 & 7, Masked: head[1]&0x80 != 0}
	size := uint64(head[1] & 0x7F)
	switch long := map[uint64]int{126: 2, 127: 8}[size]; long {
	case 2, 8:
		clear(head[:])
		if _, err := io.ReadFull(r, head[8-long:]); err != nil {
			return Frame{}, err
		}
		size = binary.BigEndian.Uint64(head[:])
	}
	if size > maxRead {
		return Frame{}, fmt.Errorf("a frame of %d bytes", size)
	}
	var key [4]byte
	if f.Masked {
		if _, err := io.ReadFull(r, key[:]); err != nil {
			return Frame{}, err
		}
	}
	f.Payload = make([]byte, size)
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		return Frame{}, err
	}
	if f.Masked {
		for i := range f.Payload {
			f.Payload[i] ^= key[i%4]
		}
	}
	return f, nil
}
