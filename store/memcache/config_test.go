package memcache

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		url  string
		want Config
	}{
		{"memcache://127.0.0.1:11211", Config{Addr: "127.0.0.1:11211"}},
		{"memcache://cache", Config{Addr: "cache:11211"}},
		{"memcache://cache/", Config{Addr: "cache:11211"}},
		{"memcache://[::1]", Config{Addr: "[::1]:11211"}},
		{"memcache://cache:7?layout=php", Config{Addr: "cache:7"}},
		{"memcache://cache?prefix=site%2F1%3A&timeout=250ms&poll_min=2ms&poll_max=1s",
			Config{Addr: "cache:11211", Prefix: "site/1:", Timeout: 250 * time.Millisecond, PollMin: 2 * time.Millisecond, PollMax: time.Second}},
	}
	for _, test := range tests {
		got, err := ParseURL(test.url)
		if err != nil {
			t.Errorf("%s: %v", test.url, err)
		}
		if diff := cmp.Diff(test.want, got, cmpopts.IgnoreTypes(zerolog.Logger{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.url, diff)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	tests := map[string]string{ // and a word of why
		"":                                                   "memcache://",
		"redis://cache":                                      `"redis"`,
		"memcache://":                                        "no host",
		"memcache://:11211":                                  "no host",
		"memcache://a:1,b:2":                                 "one server",
		"memcache://a,b":                                     "one server",
		"memcache://a,b?layout=php":                          "one server",
		"memcache://bob:secret@cache:x":                      "port",
		"memcache://cache:x":                                 "port",
		"memcache://bob:secret@cache":                        "login",
		"memcache://cache/0":                                 `"/0"`,
		"memcache://cache#x":                                 `"x"`,
		"memcache://cache?prefx=a":                           `"prefx"`,
		"memcache://cache?prefix=a&prefix=b":                 "2 times",
		"memcache://cache?prefix=a%20b":                      "0x20",
		"memcache://cache?prefix=a%7f":                       "0x7f",
		"memcache://cache?timeout=1":                         "timeout",
		"memcache://cache?timeout=0s":                        "more than nothing",
		"memcache://cache?timeout=1h":                        "half of a channel's life",
		"memcache://cache?poll_min=-1s":                      "more than nothing",
		"memcache://cache?poll_min=1s":                       "1s to 40ms",
		"memcache://cache?poll_max=1h":                       "half of a channel's life",
		"memcache://cache?layout=log":                        "layout",
		"memcache://cache?a=%zz":                             "%zz",
		"memcache://cache?prefix=" + strings.Repeat("x", 58): "57",
	}
	for url, why := range tests {
		cfg, err := ParseURL(url)
		switch {
		case err == nil:
			t.Errorf("%s was taken: %+v", url, cfg)
		case !strings.Contains(err.Error(), why):
			t.Errorf("%s: got %q, want it to say %q", url, err, why)
		case strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error %q repeats the password", url, err)
		case !strings.HasPrefix(err.Error(), "memcache: "):
			t.Errorf("%s: got %q, want it to begin with memcache:", url, err)
		}
	}
}

// With the longest prefix, the longest channel's lock is still a key.
func TestKeysFit(t *testing.T) {
	s := openStore(t, Config{Addr: "127.0.0.1:1", Prefix: strings.Repeat("p", maxPrefix)})
	if got := len(s.lockKey(strings.Repeat("c", protocol.MaxChannel))); got != maxKey {
		t.Errorf("longest key: got %d bytes, want %d", got, maxKey)
	}
}

// Names that PHP would fold into others' keys are refused by every call.
func TestBadNamesAreRefused(t *testing.T) {
	s := openStore(t, Config{Addr: "127.0.0.1:1"}) // nobody is asked
	for _, name := range []string{"a b", "a\tb", "\x00", "a\x7f", "\xff", "lock_v", strings.Repeat("c", 181)} {
		_, appendErr := s.Append(t.Context(), name, store.Message{ID: "m"})
		_, readErr := s.Read(t.Context(), name, "", 1)
		_, tailErr := s.Tail(t.Context(), name)
		_, cursorErr := s.ClientCursor(t.Context(), name, "bob")
		setErr := s.SetClientCursor(t.Context(), name, "bob", "x")
		for _, err := range []error{appendErr, readErr, tailErr, cursorErr, setErr} {
			if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeBadChannel {
				t.Errorf("%q: got %v, want %s", name, err, protocol.CodeBadChannel)
			}
		}
		s.Watch(t.Context(), name)
	}
	if got := len(s.followed(nil)); got != 0 {
		t.Errorf("%d bad names are followed", got)
	}
}
