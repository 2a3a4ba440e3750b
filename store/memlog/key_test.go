package memlog

import (
	"strings"
	"testing"

	"github.com/commchannel/gateway/protocol"
)

func TestNameOf(t *testing.T) {
	tests := []struct{ name, channel, want string }{
		{"plain", "room-1.a_b~c", "room-1.a_b~c"},
		{"the longest plain", strings.Repeat("x", 180), strings.Repeat("x", 180)},
		{"beginning with a tilde", "~room", "~fnJvb20"},
		{"like a coded one", "~w6k", "~fnc2aw"},
		{"UTF-8", "é", "~w6k"},
		{"with a colon", "a:b", "~YTpi"},
		{"with a slash", "a/b", "~YS9i"},
		{"the longest coded", strings.Repeat("/", 134), "~" + strings.Repeat("Ly8v", 44) + "Ly8"},
		{"too long for that", strings.Repeat("/", 135), "~~ and so on"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := nameOf(test.channel)
			if strings.HasPrefix(test.want, "~~") {
				if len(got) != 66 || !strings.HasPrefix(got, "~~") {
					t.Errorf("got %q, want two tildes and 64 digits", got)
				}
			} else if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, key := range []string{headKey(got), slotKey(got, 1<<64-1), claimKey(got, "id"), clientKey(got, "alice")} {
				if len(key) > 250 {
					t.Errorf("key %q has %d bytes", key, len(key))
				}
			}
		})
	}
}

func TestWrittenName(t *testing.T) {
	tests := []struct {
		key, want string
		ok        bool
	}{
		{headKey("room"), "room", true},
		{slotKey("room", 0), "room", true},
		{slotKey("~w6k", 1<<64-1), "~w6k", true},
		{claimKey("room", "id"), "", false},
		{clientKey("room", "alice"), "", false},
		{heartbeatPrefix + "X", "", false},
		{"cc1:room", "", false},
		{"cc1::h", "", false},
		{"cc1:room:", "", false},
		{"cc1:room:zzzzzzzzzzzzzzzzzzzz", "", false},
		{"channel_room", "", false},
		{"", "", false},
	}
	for _, test := range tests {
		got, ok := writtenName(test.key)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q: got %q, %v, want %q, %v", test.key, got, ok, test.want, test.ok)
		}
	}
}

func TestCursor(t *testing.T) {
	for _, p := range []place{{}, {1, 1}, {0xffffffff, 1<<64 - 1}, {0xdead, 1_795_389_286_000 << 20}} {
		c := p.cursor()
		if err := protocol.CheckCursor(c); err != nil {
			t.Errorf("%v: %v", p, err)
		}
		if got, ok := parsePlace(c); !ok || got != p {
			t.Errorf("%q: got %v, %v, want %v", c, got, ok, p)
		}
	}
	for _, c := range []protocol.Cursor{
		"", ".", "00000001", "00000001.", "1.1", "00000001.01", "0000000A.1", "00000001.A", "000000001.1", "00000001.1.1",
		"+0000001.1", "00000001.+1", "00000001.-1", "0000_001.1", "00000001.zzzzzzzzzzzzzzzzzzzz",
	} {
		if p, ok := parsePlace(c); ok {
			t.Errorf("%q is taken for %v", c, p)
		}
	}
}
