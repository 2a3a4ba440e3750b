package memlog

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// awaitMode reads hints until the store is in a mode.
func awaitMode(t *testing.T, s *Store, want Mode) {
	t.Helper()
	late := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, got := range s.Modes() {
			if got == want {
				return
			}
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("modes: got %v, want %v", s.Modes(), want)
		}
	}
}

// checkFollows: what another publishes comes by hints.
func checkFollows(t *testing.T, s, writer *Store, channel string) {
	t.Helper()
	at := mustTail(t, s, channel)
	hints := s.Watch(t.Context(), channel)
	for i := range 20 {
		want := fmt.Sprint(i)
		mustAppend(t, writer, channel, want)
		awaitHinted(t, hints, func() bool {
			p := mustRead(t, s, channel, at)
			at = p.Cursor
			return slices.Equal(texts(p.Messages), []string{want})
		})
	}
}

func TestModes(t *testing.T) {
	server, mute := memcachedtest.Start(t), memcachedtest.Start(t, "-W")
	tests := []struct {
		name string
		cfg  Config
		want Mode
	}{
		{"events", Config{Servers: []string{server.Addr}}, ModeEvents},
		{"polling by configuration", Config{Servers: []string{server.Addr}, NoEvents: true}, ModePolling},
		{"polling since watching is refused", Config{Servers: []string{mute.Addr}}, ModePolling},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, writer := openStore(t, test.cfg), openStore(t, test.cfg)
			s.Watch(t.Context(), "other")
			awaitMode(t, s, test.want)
			checkFollows(t, s, writer, nameOf(test.name))
		})
	}
}

// More gateways than memcached takes watchers.
func TestTooManyWatchers(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}}
	for range 20 {
		s := openStore(t, cfg)
		s.Watch(t.Context(), "c")
		awaitMode(t, s, ModeEvents)
	}
	s := openStore(t, cfg)
	s.Watch(t.Context(), "c")
	awaitMode(t, s, ModePolling)
	checkFollows(t, s, openStore(t, cfg), "c")
}

// While memcached stands still no beat is heard; when it goes on, they are.
func TestModeOverAPause(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}, Timeout: 200 * time.Millisecond}
	s := openStore(t, cfg)
	s.Watch(t.Context(), "c")
	awaitMode(t, s, ModeEvents)
	server.Pause(t)
	awaitMode(t, s, ModePolling)
	server.Resume(t)
	awaitMode(t, s, ModeEvents)
	checkFollows(t, s, openStore(t, cfg), "c")
}

func TestModeOverARestart(t *testing.T) {
	server := memcachedtest.Start(t)
	cfg := Config{Servers: []string{server.Addr}}
	s := openStore(t, cfg)
	s.Watch(t.Context(), "c")
	awaitMode(t, s, ModeEvents)
	server.Kill(t)
	awaitMode(t, s, ModePolling)
	server.Restart(t)
	awaitMode(t, s, ModeEvents)
	checkFollows(t, s, openStore(t, cfg), "c")
}

// Each change of the mode is logged once, and that memcached is down as well.
func TestChangesAreLoggedOnce(t *testing.T) {
	server := memcachedtest.Start(t)
	var lines counter
	s := openStore(t, Config{Servers: []string{server.Addr}, Logger: zerolog.New(&lines)})
	s.Watch(t.Context(), "c")
	awaitMode(t, s, ModeEvents)
	server.Kill(t)
	awaitMode(t, s, ModePolling)
	server.Restart(t)
	awaitMode(t, s, ModeEvents)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := lines.lines.Load(); n < 3 || n > 6 {
		t.Errorf("got %d lines, want 3 of the mode, and up to 3 of the server's absence", n)
	}
}

// A counter counts lines: zerolog writes each by one call.
type counter struct{ lines atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.lines.Add(1)
	return len(p), nil
}

// A heartbeat and the lines of other programs lead to no hint.
func TestNoHintsWithoutCause(t *testing.T) {
	server := memcachedtest.Start(t)
	s := openStore(t, Config{Servers: []string{server.Addr}})
	hints := s.Watch(t.Context(), "c")
	mustTail(t, s, "c")
	awaitMode(t, s, ModeEvents)
	// The head's own event, and the first sweeps.
	quiet := time.NewTimer(2500 * time.Millisecond)
	defer quiet.Stop()
	count := 0
	for waiting := true; waiting; {
		select {
		case <-hints:
			count++
			s.mustRun(t, "c", &op{cmd: cmdSet, key: clientKey("c", "alice"), ttl: 5})
			s.mustRun(t, "c", &op{cmd: cmdSet, key: claimKey("c", "id"), ttl: 5})
			s.mustRun(t, "d", &op{cmd: cmdSet, key: slotKey("d", 1), ttl: 5})
		case <-quiet.C:
			waiting = false
		}
	}
	if count > 5 {
		t.Errorf("got %d hints for nothing", count)
	}
}
