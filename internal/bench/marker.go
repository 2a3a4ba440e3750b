package bench

import (
	"bytes"
	"strconv"
)

// A marker is the head of a message's text: whose it is and when it was due.
// Its text means the same within JSON, in JSON within JSON, and outside.
type marker struct {
	channel   int
	publisher int
	number    int   // among this publisher's of this channel, from 0
	due       int64 // unix nanoseconds
}

const (
	markerKey = "~bench "
	// minSize is what a marker needs, in bytes, within quotes.
	minSize = 96
)

// append appends a text of so many bytes, at least minSize-2.
func (m marker) append(dst []byte, size int) []byte {
	end := len(dst) + size
	dst = append(dst, markerKey...)
	for _, n := range [...]int64{int64(m.channel), int64(m.publisher), int64(m.number), m.due} {
		dst = append(strconv.AppendInt(dst, n, 10), ' ')
	}
	for len(dst) < end {
		dst = append(dst, 'x')
	}
	return dst
}

// findMarker finds the first marker in p. The size counts from p's begin to
// the marker's end; 0: there is none.
func findMarker(p []byte) (m marker, size int) {
	begin := bytes.Index(p, []byte(markerKey))
	if begin < 0 {
		return m, 0
	}
	at := begin + len(markerKey)
	var values [4]int64
	for i := range values {
		n, digits := number(p[at:])
		at += digits
		if digits == 0 || at == len(p) || p[at] != ' ' {
			return m, 0
		}
		values[i] = n
		at++
	}
	return marker{int(values[0]), int(values[1]), int(values[2]), values[3]}, at
}

// number reads the decimal digits that s begins with.
func number(s []byte) (n int64, digits int) {
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		n = 10*n + int64(s[digits]-'0')
		digits++
	}
	return n, digits
}
