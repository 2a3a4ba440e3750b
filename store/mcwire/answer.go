package mcwire

import (
	"bytes"
	"math"
)

// maxSize bounds the size of a value that a server may claim, in bytes. It is
// the most that memcached can be told to take (-I).
const maxSize = 1 << 30

type answerKind uint8

const (
	answerEnd   answerKind = iota // MN: all that was asked before is answered
	answerHead                    // HD, once OK
	answerValue                   // VA: the value follows
)

// An answer is one line of the answers to mg ... c f q O<index>, and mn.
type answer struct {
	kind  answerKind
	size  int // of the value, in bytes
	cas   uint64
	flags uint32
	index int
}

// parseAnswer's error is ErrProtocol.
func parseAnswer(line []byte) (answer, error) {
	var a answer
	code, rest, _ := bytes.Cut(line, space)
	switch string(code) {
	case "MN":
		if len(rest) > 0 {
			return a, surprise(line)
		}
		return a, nil
	case "HD", "OK":
		a.kind = answerHead
	case "VA":
		a.kind = answerValue
		var field []byte
		field, rest, _ = bytes.Cut(rest, space)
		size, ok := number(field, maxSize)
		if !ok {
			return a, surprise(line)
		}
		a.size = int(size)
	default:
		return a, surprise(line)
	}
	if !a.parseFlags(rest) {
		return a, surprise(line)
	}
	return a, nil
}

var space = []byte{' '}

// parseFlags wants each of c, f and O once. Others, which the server may add
// of its own accord, are passed over.
func (a *answer) parseFlags(flags []byte) bool {
	var seen [3]int
	for len(flags) > 0 {
		var flag []byte
		flag, flags, _ = bytes.Cut(flags, space)
		if len(flag) == 0 {
			return false
		}
		var n uint64
		ok := true
		switch flag[0] {
		case 'c':
			a.cas, ok = number(flag[1:], math.MaxUint64)
			seen[0]++
		case 'f':
			n, ok = number(flag[1:], math.MaxUint32)
			a.flags = uint32(n)
			seen[1]++
		case 'O':
			n, ok = number(flag[1:], math.MaxInt32)
			a.index = int(n)
			seen[2]++
		}
		if !ok {
			return false
		}
	}
	return seen == [3]int{1, 1, 1}
}

// number reads decimal digits, and nothing else. strconv would want a string.
func number(digits []byte, most uint64) (n uint64, ok bool) {
	if len(digits) == 0 || len(digits) > 20 {
		return 0, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		v := uint64(d - '0')
		if n > (most-v)/10 {
			return 0, false
		}
		n = 10*n + v
	}
	return n, true
}
