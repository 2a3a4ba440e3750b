package memlog

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/commchannel/gateway/protocol"
)

// A place is a number of an epoch. As a cursor it is "<epoch>.<n>": eight
// hexadecimal digits, a point, and the number in base 36. A cursor is the place
// behind its number; so the head's number gives the channel's end.
type place struct {
	epoch uint32
	n     uint64
}

func (p place) cursor() protocol.Cursor {
	var buffer [protocol.MaxCursor]byte // all that is made here fits
	digits := binary.BigEndian.AppendUint32(make([]byte, 0, 4), p.epoch)
	text := append(hex.AppendEncode(buffer[:0], digits), '.')
	return protocol.Cursor(strconv.AppendUint(text, p.n, 36))
}

// parsePlace is false for what cursor never wrote.
func parsePlace(c protocol.Cursor) (place, bool) {
	epoch, digits, ok := strings.Cut(string(c), ".")
	if !ok || len(c) > protocol.MaxCursor {
		return place{}, false
	}
	e, err := strconv.ParseUint(epoch, 16, 32)
	if err != nil {
		return place{}, false
	}
	n, err := strconv.ParseUint(digits, 36, 64)
	if err != nil {
		return place{}, false
	}
	p := place{uint32(e), n}
	return p, p.cursor() == c
}

// epochBits is how far an epoch's first number lies above the milliseconds: in
// each of them a million numbers fit before the next one's begin.
const epochBits = 20

// base is where n's epoch began, if it has not given out a million numbers yet.
func base(n uint64) uint64 { return n &^ (1<<epochBits - 1) }
