package protocol_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// goldenName is a line of names.jsonl.
type goldenName struct {
	Name string
	Kind string
	In   string
	B64  []byte `json:"in_b64"`
	OK   bool
}

func TestNames(t *testing.T) {
	checks := map[string]struct {
		check func(string) error
		code  protocol.Code
	}{
		"channel":    {protocol.CheckChannel, protocol.CodeBadChannel},
		"client_id":  {protocol.CheckClientID, protocol.CodeBadClient},
		"message_id": {protocol.CheckMessageID, protocol.CodeBadFrame},
		"cursor":     {func(s string) error { return protocol.CheckCursor(protocol.Cursor(s)) }, protocol.CodeBadFrame},
	}
	for _, g := range golden(t, "names.jsonl", func(g goldenName) string { return g.Name }) {
		t.Run(g.Name, func(t *testing.T) {
			c, ok := checks[g.Kind]
			if !ok {
				t.Fatalf("no check for kind %q", g.Kind)
			}
			in := g.In
			if g.B64 != nil {
				in = string(g.B64)
			}
			err := c.check(in)
			if g.OK {
				if err != nil {
					t.Errorf("%q: got %v, want no error", in, err)
				}
				return
			}
			wantError(t, err, c.code, protocol.Ref{})
		})
	}
}

// Every byte alone: what is refused is exactly what the rules name.
func TestNamesByteByByte(t *testing.T) {
	for b := range 256 {
		s := "a" + string([]byte{byte(b)}) + "z"
		wantName := b > 0x20 && b < 0x7f
		if got := protocol.CheckChannel(s) == nil; got != wantName {
			t.Errorf("channel with byte %#02x: ok is %t, want %t", b, got, wantName)
		}
		if got := protocol.CheckClientID(s) == nil; got != wantName {
			t.Errorf("client id with byte %#02x: ok is %t, want %t", b, got, wantName)
		}
		wantID := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", byte(b)) >= 0
		if got := protocol.CheckMessageID(s) == nil; got != wantID {
			t.Errorf("message id with byte %#02x: ok is %t, want %t", b, got, wantID)
		}
		if got := protocol.CheckCursor(protocol.Cursor(s)) == nil; got != wantID {
			t.Errorf("cursor with byte %#02x: ok is %t, want %t", b, got, wantID)
		}
	}
}

func TestNewMessageID(t *testing.T) {
	now := time.UnixMicro(1795389286619123)
	seen := map[string]bool{}
	for range 1000 {
		id := protocol.NewMessageID(now)
		if err := protocol.CheckMessageID(id); err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
		if got, want := protocol.MessageTime(id), now.UnixMilli(); got != want {
			t.Fatalf("MessageTime(%q) is %d, want %d", id, got, want)
		}
	}
	if id := protocol.NewMessageID(now); !strings.HasPrefix(id, fmt.Sprintf("g%x-", now.UnixMicro())) {
		t.Errorf("got %q, want the microseconds in hexadecimal behind a g", id)
	}
}

func TestNewClientID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := protocol.NewClientID()
		if err := protocol.CheckClientID(id); err != nil {
			t.Fatalf("%q: %v", id, err)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}

func TestMessageTime(t *testing.T) {
	for _, tt := range []struct {
		name, id string
		want     int64
	}{
		{"of the gateway", "g660e3d7f69cb3-0123456789ab", 0x660e3d7f69cb3 / 1000},
		{"of the gateway, one microsecond", "g1-x", 0},
		{"of the gateway, the largest", "g7fffffffffffffff-x", 9223372036854775},
		{"of the gateway, beyond 64 bits", "g8000000000000000-x", 0},
		{"of the gateway, before 1970", protocol.NewMessageID(time.Unix(-5, 0)), 0},
		{"g and no digits", "g-0123456789ab", 0},
		{"g and no hexadecimal", "gxyz-0123456789ab", 0},
		{"g without minus", "g660e3d7f69cb3", 0},
		{"a client's own id with a minus", "green-tea", 0},
		{"of PHP's uniqid", "6b0378e284a91", 0x6b0378e2*1000 + 0x84a91/1000},
		{"of PHP's uniqid, first microsecond", "6b0378e200000", 0x6b0378e2 * 1000},
		{"of PHP's uniqid, last microsecond", "6b0378e2f423f", 0x6b0378e2*1000 + 999},
		{"a million microseconds", "6b0378e2f4240", 0},
		{"all digits", "1795389286619", 0x17953892*1000 + 0x86619/1000},
		{"beyond 2038", "ffffffff00000", 0xffffffff * 1000},
		{"13 bytes, no hexadecimal", "6b0378e284a9g", 0},
		{"13 bytes, no hexadecimal first", "xb0378e284a91", 0},
		{"13 bytes with a sign", "+b0378e284a91", 0},
		{"12 bytes", "6b0378e284a9", 0},
		{"14 bytes", "6b0378e2000911", 0},
		{"empty", "", 0},
		{"PHP's private", "_overhead_alice", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := protocol.MessageTime(tt.id); got != tt.want {
				t.Errorf("%q: got %d, want %d", tt.id, got, tt.want)
			}
		})
	}
}
