package memlog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		name, url string
		want      Config
	}{
		{"one server", "memcache://host?layout=log", Config{Servers: []string{"host:11211"}}},
		{"with a port and a slash", "memcache://host:1/?layout=log", Config{Servers: []string{"host:1"}}},
		{"several", "memcache://a:11211,b,10.0.0.3:11212?layout=log", Config{Servers: []string{"a:11211", "b:11211", "10.0.0.3:11212"}}},
		{"IPv6", "memcache://[::1],[::2]:1?layout=log", Config{Servers: []string{"[::1]:11211", "[::2]:1"}}},
		{
			"everything", "memcache://a?layout=log&history=10m&grace=20ms&timeout=2s&poll_min=1ms&poll_max=5ms&events=no",
			Config{
				Servers: []string{"a:11211"}, History: 10 * time.Minute, Grace: 20 * time.Millisecond, Timeout: 2 * time.Second,
				PollMin: time.Millisecond, PollMax: 5 * time.Millisecond, NoEvents: true,
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Servers, test.want.Servers) {
				t.Errorf("servers: got %q, want %q", got.Servers, test.want.Servers)
			}
			if got.History != test.want.History || got.Grace != test.want.Grace || got.Timeout != test.want.Timeout ||
				got.PollMin != test.want.PollMin || got.PollMax != test.want.PollMax || got.NoEvents != test.want.NoEvents {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	tests := []struct{ name, url, want string }{
		{"another scheme", "redis://a", "memcache://"},
		{"no server", "memcache://?layout=log", "host:port"},
		{"an empty server", "memcache://a,,b", "host:port"},
		{"a server twice", "memcache://a,a:11211", "twice"},
		{"port 0", "memcache://a:0", "port"},
		{"port 70000", "memcache://a:70000", "port"},
		{"port with a zero in front", "memcache://a:011211", "port"},
		{"a port by name", "memcache://a:http", "port"},
		{"a bare IPv6 address", "memcache://::1", "host:port"},
		{"a user", "memcache://me:secret@a", "neither user nor path"},
		{"a path", "memcache://a/b", "neither user nor path"},
		{"another layout", "memcache://a?layout=php", "want log"},
		{"unknown parameter", "memcache://a?prefix=x", "unknown"},
		{"a parameter twice", "memcache://a?grace=1s&grace=2s", "2 times"},
		{"no duration", "memcache://a?history=long", "history"},
		{"history of nothing", "memcache://a?history=0s", "more than nothing"},
		{"history of half a second", "memcache://a?history=500ms", "whole seconds"},
		{"history of a month", "memcache://a?history=720h", "whole seconds up to"},
		{"a long grace", "memcache://a?grace=1m", "grace"},
		{"a long timeout", "memcache://a?timeout=1m", "timeout"},
		{"polling upside down", "memcache://a?poll_min=1s&poll_max=1ms", "polling"},
		{"events perhaps", "memcache://a?events=perhaps", "yes or no"},
		{"too many servers", "memcache://" + strings.Repeat("a,", 100) + "b", "servers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseURL(test.url)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}
