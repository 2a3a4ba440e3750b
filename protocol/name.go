package protocol

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of names, in bytes.
const (
	MaxChannel   = 180 // a channel's name
	MaxClientID  = 128 // a client id
	MaxMessageID = 64  // a message id
	MaxCursor    = 64  // a cursor
)

// A Cursor is a place in a channel's order: an opaque string of at most
// MaxCursor URL-safe bytes that stays good over reconnects and transports.
// The empty Cursor is no place.
type Cursor string

// CheckChannel tells why name can't be a channel's name: it wants 1 to
// MaxChannel bytes of UTF-8 without control bytes or spaces, and not the
// prefix "lock_", where the PHP store keeps its locks. The error is an *Error
// with CodeBadChannel.
func CheckChannel(name string) error {
	if why := checkText(name, MaxChannel); why != "" {
		return &Error{Code: CodeBadChannel, Message: "channel name " + why}
	}
	if strings.HasPrefix(name, "lock_") {
		return &Error{Code: CodeBadChannel, Message: `channel name begins with "lock_", which is reserved`}
	}
	return nil
}

// CheckClientID tells why id can't be a client id: it wants 1 to MaxClientID
// bytes of UTF-8 without control bytes or spaces. The error is an *Error with
// CodeBadClient.
func CheckClientID(id string) error {
	if why := checkText(id, MaxClientID); why != "" {
		return &Error{Code: CodeBadClient, Message: "client id " + why}
	}
	return nil
}

func checkText(s string, most int) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > most:
		return fmt.Sprintf("has %d bytes, the most is %d", len(s), most)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	}
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] == 0x7f {
			return fmt.Sprintf("holds the byte 0x%02x at %d; spaces and control bytes are refused", s[i], i)
		}
	}
	return ""
}

// CheckMessageID tells why id can't be chosen as a message's id: it wants 1
// to MaxMessageID URL-safe bytes (A-Z a-z 0-9 . _ ~ -), not beginning with
// "_" and not a decimal number; both mean something else to the PHP library.
// The error is an *Error with CodeBadFrame.
func CheckMessageID(id string) error {
	var why string
	switch {
	case !urlSafe(id, MaxMessageID):
		why = fmt.Sprintf("wants 1 to %d bytes of A-Z a-z 0-9 . _ ~ -", MaxMessageID)
	case id[0] == '_':
		why = `begins with "_", which is reserved`
	case isDecimal(id):
		why = "is a decimal number, which the PHP library would renumber"
	default:
		return nil
	}
	return &Error{Code: CodeBadFrame, Message: "message id " + why}
}

// CheckCursor tells why c can't be a cursor. The error is an *Error with
// CodeBadFrame.
func CheckCursor(c Cursor) error {
	if urlSafe(string(c), MaxCursor) {
		return nil
	}
	return &Error{Code: CodeBadFrame, Message: fmt.Sprintf("cursor wants 1 to %d bytes of A-Z a-z 0-9 . _ ~ -", MaxCursor)}
}

func urlSafe(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '.', b == '_', b == '~', b == '-':
		default:
			return false
		}
	}
	return true
}

func isDecimal(s string) bool {
	if s[0] == '-' && len(s) > 1 {
		s = s[1:]
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// NewMessageID makes an id for a message sent at t, unique across processes:
// "g", the microseconds of t in hexadecimal, "-" and 48 random bits.
func NewMessageID(t time.Time) string {
	var room [32]byte
	id := strconv.AppendInt(append(room[:0], 'g'), t.UnixMicro(), 16)
	return string(appendRandomHex(append(id, '-'), 6))
}

// NewClientID makes an id for a client that chose none.
func NewClientID() string { return string(appendRandomHex([]byte("c-"), 10)) }

// appendRandomHex appends n random bytes in hexadecimal.
func appendRandomHex(dst []byte, n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.AppendEncode(dst, b)
}

// MessageTime is the time in unix milliseconds that id was made at: known for
// ids of NewMessageID and for those of PHP's uniqid (13 hexadecimal digits,
// seconds and microseconds), 0 for all others.
func MessageTime(id string) int64 {
	if hexMicros, _, ok := strings.Cut(id, "-"); ok && strings.HasPrefix(hexMicros, "g") {
		if us, err := strconv.ParseInt(hexMicros[1:], 16, 64); err == nil && us > 0 {
			return us / 1000
		}
		return 0
	}
	if len(id) != 13 {
		return 0
	}
	sec, err1 := strconv.ParseUint(id[:8], 16, 32)
	us, err2 := strconv.ParseUint(id[8:], 16, 32)
	if err1 != nil || err2 != nil || us >= 1e6 {
		return 0
	}
	return int64(sec)*1000 + int64(us/1000)
}
