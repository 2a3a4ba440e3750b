package mcwire

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what does come.
const patience = 10 * time.Second

// Versions from which on memcached can do something.
var (
	watching = memcachedtest.Version{Minor: 5, Patch: 20} // not to hang by it
	meta     = memcachedtest.Version{Minor: 6, Patch: 0}
	metaSet  = memcachedtest.Version{Minor: 6, Patch: 11} // as it is since; and events tell a size
	metaCAS  = memcachedtest.Version{Minor: 6, Patch: 40} // C in mg
)

// What a server has a part in, with each version of memcached there is.
func TestEachVersion(t *testing.T) {
	memcachedtest.Each(t, map[string]func(*testing.T, memcachedtest.Version){
		"EachCommandsEvent":    testEachCommandsEvent,
		"FaultAmidAnswers":     testFaultAmidAnswers,
		"Flood":                testFlood,
		"Get":                  testGet,
		"GetChecksKeys":        testGetChecksKeys,
		"GetTenThousand":       testGetTenThousand,
		"Items":                testItems,
		"Keys":                 testKeys,
		"KeysOfEmptyServer":    testKeysOfEmptyServer,
		"KeysOfEvents":         testKeysOfEvents,
		"KeysRefused":          testKeysRefused,
		"KilledServer":         testKilledServer,
		"PausedServer":         testPausedServer,
		"ServerWithoutCAS":     testServerWithoutCAS,
		"SetQuiet":             testSetQuiet,
		"SkippedLines":         testSkippedLines,
		"Stats":                testStats,
		"StatsOfEvictions":     testStatsOfEvictions,
		"StreamOfKilledServer": testStreamOfKilledServer,
		"StreamOfPausedServer": testStreamOfPausedServer,
		"ThousandItems":        testThousandItems,
		"TooManyWatchers":      testTooManyWatchers,
		"WatchDisabled":        testWatchDisabled,
		"WhatVersionsKnow":     testWhatVersionsKnow,
	})
}

type getFunc func(ctx context.Context, wants []Want, each func(Result)) error

// dial connects to a server of the test. Its timeout is one that a busy
// machine keeps, where cfg gives none.
func dial(t testing.TB, s *memcachedtest.Server, cfg Config) *Conn {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	c, err := Dial(t.Context(), s.Addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// fill stores n values of size bytes, and returns wants that know them.
func fill(t testing.TB, s *memcachedtest.Server, n, size int) []Want {
	t.Helper()
	wants := make([]Want, n)
	c := dial(t, s, Config{})
	defer c.Close()
	for i := range wants {
		wants[i].Key = fmt.Sprintf("channel_%d", i)
		if got := say(t, c, fmt.Sprintf("set %s 7 0 %d\r\n%s", wants[i].Key, size, bytes.Repeat([]byte("v"), size))); got != "STORED" {
			t.Fatalf("set: got %q, want STORED", got)
		}
	}
	err := c.Heads(t.Context(), wants, func(r Result) { wants[r.Index].LastCAS = r.CAS })
	if err != nil {
		t.Fatal(err)
	}
	return wants
}

// say sends a command and returns the answer's one line.
func say(t testing.TB, c *Conn, command string) string {
	t.Helper()
	line, err := c.ask(command)
	if err != nil {
		t.Fatalf("%.40s: %v", command, err)
	}
	return string(line)
}
