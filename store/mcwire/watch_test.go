package mcwire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// watch begins a stream of its own connection.
func watch(t testing.TB, s *memcachedtest.Server, prefixes ...string) *Stream {
	t.Helper()
	w, err := dial(t, s, Config{}).Watch(t.Context(), prefixes...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// next wants an event, and returns it as its receiver may keep it.
func next(t testing.TB, w *Stream) Event {
	t.Helper()
	ev, err := w.Next(patience)
	if err != nil {
		t.Fatal(err)
	}
	ev.Key = []byte(string(ev.Key))
	return ev
}

func testEachCommandsEvent(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	c, w := dial(t, s, Config{}), watch(t, s, "k")
	tests := []struct {
		command string
		answer  string
		cmd     string // of the event; empty for none
		ttl     int64
		size    int64
	}{
		{"set k 0 30 2\r\nab", "STORED", "set", 30, 2},
		{"add k 0 0 1\r\na", "NOT_STORED", "", 0, 0},
		{"add k2 0 0 1\r\na", "STORED", "add", 0, 1},
		{"replace k 0 0 3\r\nabc", "STORED", "replace", 0, 3},
		{"replace k3 0 0 3\r\nabc", "NOT_STORED", "", 0, 0},
		{"append k 0 0 1\r\nd", "STORED", "append", 0, 4},
		{"prepend k 0 0 1\r\nd", "STORED", "prepend", 0, 5},
		{"append k3 0 0 1\r\nd", "NOT_STORED", "", 0, 0},
		{"cas k 0 0 1 1\r\nx", "EXISTS", "", 0, 0},
		{"cas k3 0 0 1 1\r\nx", "NOT_FOUND", "", 0, 0},
		{"ms k 2 T20\r\nxy", "HD", "set", 20, 2},
		{"ms k4 1 ME\r\nx", "HD", "add", 0, 1},
		{"ms k4 1 ME\r\nx", "NS", "", 0, 0},
		{"ms k4 1 MR\r\nx", "HD", "replace", 0, 1},
		{"ms k4 1 MA\r\nx", "HD", "append", 0, 2},
		{"ms k4 1 MP\r\nx", "HD", "prepend", 0, 3},
		{"ma k5 N0 J7", "HD", "add", 0, 1}, // 1.6.18 counts another 2 bytes
		{"ma k5", "HD", "", 0, 0},
		{"set k7 0 0 1\r\n8", "STORED", "set", 0, 1},
		{"incr k7 1", "9", "", 0, 0},
		{"decr k7 1", "8", "", 0, 0},
		{"touch k 20", "TOUCHED", "", 0, 0},
		{"mg k T20", "HD", "", 0, 0},
		{"mg k6 N20 c", "HD", "", 0, 0},
		{"delete k2", "DELETED", "", 0, 0},
		{"md k4", "HD", "", 0, 0},
		{"flush_all", "OK", "", 0, 0},
		{"set k 0 0 " + fmt.Sprint(2<<20) + "\r\n" + strings.Repeat("x", 2<<20), "SERVER_ERROR object too large for cache", "set", -2, 0},
	}
	for i, tt := range tests {
		if v.Before(metaSet) {
			if tt.command[0] == 'm' { // a meta command
				continue
			}
			tt.size = -1
		}
		t.Run(fmt.Sprintf("%.20q", tt.command), func(t *testing.T) {
			if got := say(t, c, tt.command); got != tt.answer && !strings.HasPrefix(got, tt.answer+" ") {
				t.Fatalf("got %q, want %q", got, tt.answer)
			}
			// Whatever this makes comes before the next.
			last := fmt.Sprintf("k-last-%d", i)
			if err := c.SetQuiet(t.Context(), last, nil, 5); err != nil {
				t.Fatal(err)
			}
			ev := next(t, w)
			if tt.cmd != "" {
				checkEvent(t, ev, tt.cmd, tt.ttl, tt.size)
				ev = next(t, w)
			}
			if string(ev.Key) != last {
				t.Errorf("got an event too many: %+v, key %q", ev, ev.Key)
			}
		})
	}
}

// checkEvent takes -2 as the TTL of an event that tells of a value too large.
func checkEvent(t *testing.T, ev Event, cmd string, ttl, size int64) {
	t.Helper()
	status := "stored"
	if ttl == -2 {
		status, ttl, size = "too_large", ev.TTL, ev.Size
	}
	if strings.HasPrefix(string(ev.Key), "k5") {
		size = ev.Size
	}
	want := Event{Key: ev.Key, Status: status, Cmd: cmd, TTL: ttl, Size: size}
	if diff := cmp.Diff(want, ev); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func testKeysOfEvents(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	c := dial(t, s, Config{})
	keys := []string{
		"канал_é", "a:b", "a/b", "a,b", "a%b", "%41", "a+b=c&d", "a~b-c.d_e", "\xff\xfe",
		strings.Repeat("k", maxKey), strings.Repeat(":", maxKey),
	}
	all, some := watch(t, s), watch(t, s, "no", "канал_", "a:", "%4", "\xff")
	for _, key := range keys {
		if got := say(t, c, "set "+key+" 0 0 1\r\nx"); got != "STORED" {
			t.Fatalf("%q: %q", key, got)
		}
		if got := string(next(t, all).Key); got != key {
			t.Errorf("got %q, want %q", got, key)
		}
	}
	for _, want := range []string{"канал_é", "a:b", "%41", "\xff\xfe"} {
		if got := string(next(t, some).Key); got != want {
			t.Errorf("of some prefixes: got %q, want %q", got, want)
		}
	}
	if ev, err := some.Next(0); !errors.Is(err, ErrSilent) {
		t.Errorf("got %q, %v, want ErrSilent", ev.Key, err)
	}
}

func testWatchDisabled(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	_, err := dial(t, v.Start(t, "-W"), Config{}).Watch(t.Context())
	if !errors.Is(err, ErrWatchRefused) || !strings.Contains(err.Error(), "watch commands not allowed") {
		t.Errorf("got %v, want ErrWatchRefused with the server's words", err)
	}
}

// Whoever asks for more than the server knows is told, and not by the server's
// standing still.
func testWhatVersionsKnow(t *testing.T, v memcachedtest.Version) {
	s := v.Start(t)
	_, err := dial(t, s, Config{}).Watch(t.Context())
	if got, want := errors.Is(err, ErrWatchRefused), v.Before(watching); got != want || !got && err != nil {
		t.Errorf("Watch: got %v, want ErrWatchRefused: %v", err, want)
	}
	c := dial(t, s, Config{})
	err = c.GetChanged(t.Context(), []Want{{Key: "a"}}, func(Result) {})
	if got, want := errors.Is(err, ErrNoMeta), v.Before(meta); got != want || !got && err != nil {
		t.Errorf("GetChanged: got %v, want ErrNoMeta: %v", err, want)
	}
	if stats, err := c.Stats(t.Context()); err != nil || stats.Version != v.String() {
		t.Errorf("Stats over the same connection: got %q, %v, want %q", stats.Version, err, v)
	}
}

func testTooManyWatchers(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	var streams []*Stream
	for range 20 {
		streams = append(streams, watch(t, s))
	}
	c := dial(t, s, Config{})
	if _, err := c.Watch(t.Context()); !errors.Is(err, ErrTooManyWatchers) {
		t.Fatalf("the 21st: got %v, want ErrTooManyWatchers", err)
	}
	checkClosed(t, c)
	streams[7].Close()
	// The server notices by and by. Each try is a round trip, so no waiting.
	for deadline := time.Now().Add(patience); ; {
		w, err := dial(t, s, Config{}).Watch(t.Context())
		if err == nil {
			w.Close()
			return
		}
		if !errors.Is(err, ErrTooManyWatchers) || time.Now().After(deadline) {
			t.Fatalf("after one has gone: %v", err)
		}
	}
}

// What a lock's waiters write must neither hide the heartbeat nor come
// through.
func testFlood(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	say(t, dial(t, s, Config{}), "set lock_a 768 0 1\r\n1")
	w, none := watch(t, s, "hb"), watch(t, s, "never")
	stop, flooded := make(chan struct{}), make(chan error, 1)
	go func() { flooded <- flood(s.Addr, stop) }()
	c := dial(t, s, Config{})
	for i := range 30 {
		key := fmt.Sprintf("hb%d", i)
		// The server may drop it.
		for got := ""; got != key; {
			if err := c.SetQuiet(t.Context(), key, []byte("1"), 5); err != nil {
				t.Fatal(err)
			}
			ev, err := w.Next(50 * time.Millisecond)
			if err != nil && !errors.Is(err, ErrSilent) {
				t.Fatal(err)
			}
			if got = string(ev.Key); err == nil && ev.Skipped == 0 && !strings.HasPrefix(got, "hb") {
				t.Fatalf("got %q", got)
			}
		}
	}
	if ev, err := none.Next(50 * time.Millisecond); !errors.Is(err, ErrSilent) && ev.Skipped == 0 {
		t.Errorf("of no such keys: got %q, %v, want ErrSilent", ev.Key, err)
	}
	close(stop)
	if err := <-flooded; err != nil {
		t.Error(err)
	}
	stats, err := c.Stats(t.Context())
	if err != nil || stats.LogWatcherSent < 2000 {
		t.Errorf("that was no flood: %d lines, %v", stats.LogWatcherSent, err)
	}
}

// A watcher that does not read is told what it missed.
func testSkippedLines(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	c, w := dial(t, s, Config{}), watch(t, s, "hb")
	if got := say(t, c, "set lock_a 768 0 1\r\n1"); got != "STORED" {
		t.Fatal(got)
	}
	stop, flooded := make(chan struct{}), make(chan error, 1)
	go func() { flooded <- flood(s.Addr, stop) }()
	for stats := (Stats{}); stats.LogWatcherSkipped == 0; {
		var err error
		if stats, err = c.Stats(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-flooded; err != nil {
		t.Fatal(err)
	}
	// It is told with the next line.
	for ev := (Event{}); ev.Skipped == 0; {
		if err := c.SetQuiet(t.Context(), "hb", nil, 5); err != nil {
			t.Fatal(err)
		}
		var err error
		if ev, err = w.Next(50 * time.Millisecond); err != nil && !errors.Is(err, ErrSilent) {
			t.Fatal(err)
		}
	}
}

// flood fails to add a key, over and over.
func flood(addr string, stop <-chan struct{}) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	many := []byte(strings.Repeat("add lock_a 768 5 1\r\n1\r\n", 50))
	answers := make([]byte, 50*len("NOT_STORED\r\n"))
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(many); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, answers); err != nil {
			return err
		}
	}
}
