package memlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// What a slot's flags say.
const (
	flagsMessage   = 0
	flagsTombstone = 1 // closed by a reader who waited in vain
	flagsVoid      = 2 // closed by its publisher, who had no use for the number
)

// The values of closed slots. No message begins with 0xff.
const (
	tombstoneValue = "\xffT"
	voidValue      = "\xffV"
)

// A message's value:
//
//	byte 0     the version, 1
//	bytes 1-4  the epoch, big-endian
//	byte 5     the length of the id in bytes, 1 to 255
//	then       the id, and the text up to the end, both UTF-8
const (
	slotVersion = 1
	slotHeader  = 6
	maxID       = 255
)

type slotKind uint8

const (
	slotMissing slotKind = iota
	slotMessage
	slotVoid
	slotLost // a tombstone, or what can't be read: something may be missing here
)

// A slot is what a number holds.
type slot struct {
	kind  slotKind
	epoch uint32 // of a message
	id    string
	text  []byte
}

func appendSlot(dst []byte, epoch uint32, id string, text []byte) []byte {
	dst = append(dst, slotVersion)
	dst = binary.BigEndian.AppendUint32(dst, epoch)
	dst = append(dst, byte(len(id)))
	dst = append(dst, id...)
	return append(dst, text...)
}

// slotOf reads an item. What can't be read is lost to this reader, and is told
// as such: another one may know more.
func slotOf(it item) slot {
	switch {
	case !it.found:
		return slot{}
	case it.flags == flagsVoid:
		return slot{kind: slotVoid}
	case it.flags != flagsMessage:
		return slot{kind: slotLost}
	}
	s, err := decodeSlot(it.value)
	if err != nil {
		return slot{kind: slotLost}
	}
	return s
}

var errSlot = errors.New("memlog: not a message")

// decodeSlot reads a message. Its text shares value's memory.
func decodeSlot(value []byte) (slot, error) {
	if len(value) < slotHeader || value[0] != slotVersion {
		return slot{}, fmt.Errorf("%w: %d bytes, beginning with %.8q", errSlot, len(value), value)
	}
	size := int(value[slotHeader-1])
	rest := value[slotHeader:]
	if size == 0 || size > len(rest) {
		return slot{}, fmt.Errorf("%w: an id of %d bytes in %d", errSlot, size, len(rest))
	}
	if !utf8.Valid(rest[:size]) || !utf8.Valid(rest[size:]) {
		return slot{}, fmt.Errorf("%w: not UTF-8", errSlot)
	}
	return slot{
		kind:  slotMessage,
		epoch: binary.BigEndian.Uint32(value[1:]),
		id:    string(rest[:size]),
		text:  rest[size:len(rest):len(rest)],
	}, nil
}
