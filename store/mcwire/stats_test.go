package mcwire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

func testStats(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t, "-I", "2m", "-m", "32")
	c, w := dial(t, s, Config{}), watch(t, s, "a")
	before, err := c.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if before.Version == "" || before.PID == 0 || before.LimitMaxBytes != 32<<20 || before.ItemSizeMax != 2<<20 {
		t.Errorf("got %+v, want a version, a process, 32 MiB in all and 2 MiB of an item", before)
	}
	if got := say(t, c, "set a 0 0 1\r\n1") + say(t, c, "flush_all"); got != "STOREDOK" {
		t.Fatal(got)
	}
	next(t, w)
	// The event was sent, and the log thread will count it.
	for after := before; after.LogWatcherSent <= before.LogWatcherSent; {
		if after, err = c.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after.Flushes != before.Flushes+1 || after.PID != before.PID || after.Evictions != 0 {
			t.Fatalf("got %+v, before %+v, want one flush more", after, before)
		}
	}
}

func testStatsOfEvictions(t *testing.T, v memcachedtest.Version) {
	s := v.Start(t, "-m", "2") // of which memcached makes somewhat more
	c := dial(t, s, Config{})
	value := strings.Repeat("v", 100_000)
	for i := range 1000 {
		if got := say(t, c, fmt.Sprintf("set k%d 0 0 %d\r\n%s", i, len(value), value)); got != "STORED" {
			t.Fatalf("got %q, want STORED", got)
		}
		if stats, err := c.Stats(t.Context()); err != nil {
			t.Fatal(err)
		} else if stats.Evictions > 0 {
			return
		}
	}
	t.Error("got no evictions of 100 MB")
}

func TestStatsByName(t *testing.T) {
	tests := []struct {
		name             string
		stats, ofSetting string
		want             Stats
		err              error
	}{
		{"all", "STAT pid 7\r\nSTAT uptime 8\r\nSTAT version 1.6.18\r\nSTAT log_worker_dropped 1\r\nSTAT log_watcher_skipped 2\r\n" +
			"STAT log_watcher_sent 3\r\nSTAT log_watchers 4\r\nSTAT evictions 5\r\nSTAT cmd_flush 6\r\nSTAT limit_maxbytes 67108864\r\nEND\r\n",
			"STAT maxbytes 1\r\nSTAT evictions on\r\nSTAT item_size_max 1048576\r\nEND\r\n",
			Stats{"1.6.18", 7, 8, 1, 2, 3, 4, 5, 6, 64 << 20, 1 << 20}, nil},
		{"none", "END\r\n", "END\r\n", Stats{}, nil},
		{"not numbers", "STAT pid x\r\nSTAT evictions -1\r\nSTAT\r\n", "", Stats{}, ErrProtocol},
		{"no value", "STAT pid\r\nSTAT  \r\nEND\r\n", "END\r\n", Stats{}, nil},
		{"refused", "ERROR\r\n", "", Stats{}, ErrProtocol},
		{"endless", strings.Repeat("STAT a 1\r\n", maxStats+1), "", Stats{}, ErrProtocol},
		{"a line too long", "STAT " + strings.Repeat("x", maxLine) + " 1\r\n", "", Stats{}, ErrProtocol},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := against(t, Config{}, func(p *peer) {
				p.hears("stats")
				p.says(tt.stats)
				if tt.ofSetting != "" {
					p.hears("stats settings")
					p.says(tt.ofSetting)
				}
			})
			got, err := c.Stats(t.Context())
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func testSetQuiet(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	c := dial(t, v.Start(t), Config{})
	for _, value := range []string{"", "1", "\r\n", strings.Repeat("x", maxQuiet)} {
		if err := c.SetQuiet(t.Context(), "a", []byte(value), 30); err != nil {
			t.Fatal(err)
		}
		for _, r := range results(t, c.GetChanged, []Want{{Key: "a"}}) {
			if r.Status != Changed || string(r.Value) != value || r.Flags != 0 {
				t.Errorf("got %v, %q, want %q", r.Status, r.Value, value)
			}
		}
	}
	if got := say(t, c, "mg a t"); !slices.Contains([]string{"HD t30", "HD t29", "OK t30", "OK t29"}, got) {
		t.Errorf("got %q, want 30 seconds to live", got)
	}
	if err := c.SetQuiet(t.Context(), "a", make([]byte, maxQuiet+1), 30); err == nil {
		t.Error("a value beyond the bound was sent")
	}
	if got := results(t, c.Heads, []Want{{Key: "a"}}); got[0].Status != Changed {
		t.Errorf("afterwards: got %v", got[0].Status)
	}
}

// memcached tells of some errors although no reply is wanted.
func TestSetQuietWithAReply(t *testing.T) {
	c := against(t, Config{}, func(p *peer) {
		p.hears("set a 0 5 2 noreply", "hb", "stats")
		p.says("SERVER_ERROR out of memory storing object\r\n")
	})
	if err := c.SetQuiet(t.Context(), "a", []byte("hb"), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stats(t.Context()); !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("got %v, want ErrProtocol with the server's words", err)
	}
}
