package doctor

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/store/mcwire"
)

// aStore is one like PHP's.
func aStore(addrs ...string) *Store {
	return &Store{
		URL: "memcache://a", Servers: addrs, ForPHP: true,
		Key:       func(channel string) string { return "channel_" + channel },
		IsChannel: func(key string) bool { return strings.HasPrefix(key, "channel_") },
		Flags:     map[uint32]string{0: "plain", 2: "compressed"},
		LeastItem: func(int) int { return 1 << 20 },
	}
}

// examineStoreAlone gives the verdicts on a store, with no gateway before it.
func examineStoreAlone(t *testing.T, s *Store, quick bool) map[ID]Verdict {
	t.Helper()
	x := &exam{o: Options{Store: s, Quick: quick}, name: "doctor-test", channel: "doctor-test-round", verdicts: make(map[ID]Verdict)}
	x.examineStore(t.Context())
	return x.verdicts
}

func TestStoreIsExamined(t *testing.T) {
	m := memcachedtest.Start(t)
	client := memcache.New(m.Addr)
	t.Cleanup(func() { client.Close() })
	for key, flags := range map[string]uint32{"channel_a": 0, "channel_b": 2, "channel_c": 2, "channel_d": 4, "other": 16} {
		if err := client.Set(&memcache.Item{Key: key, Value: []byte("x"), Flags: flags}); err != nil {
			t.Fatal(err)
		}
	}
	got := examineStoreAlone(t, aStore(m.Addr), false)
	for id, want := range map[ID]wanted{
		StoreReach:    {OK, "memcached " + m.Addr, ""},
		StoreSame:     {Skipped, "no message", ""},
		StoreItemSize: {OK, "1024 KiB", ""},
		StoreMemory:   {OK, "of 64 MiB used", ""},
		StoreCAS:      {OK, "", ""},
		StoreTTL:      {OK, "live on when touched", ""},
		StoreChannels: {Fail, "4 channels, 1 plain, 2 compressed; gateways can't read channel_d with the flags 4", "gateway inspect"},
		PHP:           {Skipped, "no php", ""},
	} {
		t.Run(string(id), func(t *testing.T) { want.check(t, finding{got[id].Status, got[id].Text, got[id].Change}) })
	}
	if s := got[StoreWatch].Status; s != OK && s != Warn { // by memcached's version
		t.Errorf("%s: got %+v", StoreWatch, got[StoreWatch])
	}
}

func TestStoreOutOfReach(t *testing.T) {
	m := memcachedtest.Start(t)
	up := m.Addr
	down := memcachedtest.Start(t)
	down.Kill(t)
	got := examineStoreAlone(t, aStore(up, down.Addr), true)
	if v := got[StoreReach]; v.Status != Fail || !strings.Contains(v.Text, down.Addr) || strings.Contains(v.Text, up) {
		t.Errorf("got %+v, want a failure of %s alone", v, down.Addr)
	}
	if v := got[StoreTTL]; v.Status != OK {
		t.Errorf("the other server: got %+v, want it examined", v)
	}
	got = examineStoreAlone(t, aStore(down.Addr), true)
	if v := got[StoreTTL]; v.Status != Skipped {
		t.Errorf("without any server: got %+v, want it skipped", v)
	}
}

func TestNotMemcached(t *testing.T) {
	for name, words := range map[string]string{
		"something else":  "HTTP/1.1 400 Bad Request\r\n",
		"a silent end":    "",
		"an endless list": strings.Repeat("STAT a 1\r\n", 10),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 100))
				fmt.Fprint(conn, words)
			}()
			t.Cleanup(func() { l.Close(); <-done })
			if got, err := askStats(t.Context(), l.Addr().String(), "stats"); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}

func TestJudgeMemory(t *testing.T) {
	for _, tt := range []struct {
		name            string
		used, evictions string
		setting         string
		want            wanted
	}{
		{"room", "1048576", "0", "on", wanted{OK, "1.0 of 64 MiB used", ""}},
		{"dropped", "1048576", "7", "on", wanted{Warn, "dropped 7 items", "-m"}},
		{"nearly full", "66000000", "0", "on", wanted{Warn, "will drop", "-m"}},
		{"nearly full, and drops nothing", "66000000", "0", "off", wanted{Fail, "-M", "-m"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &memcached{
				counters: map[string]string{"bytes": tt.used, "limit_maxbytes": "67108864", "evictions": tt.evictions},
				settings: map[string]string{"evictions": tt.setting},
			}
			tt.want.check(t, new(exam).judgeMemory(t.Context(), m))
		})
	}
}

func TestJudgeFlags(t *testing.T) {
	known := aStore().Flags
	got := judgeFlags([]mcwire.Item{{Key: "a", Found: true}, {Key: "gone"}}, known)
	wanted{OK, "1 channel, 1 plain", ""}.check(t, got)
}

func TestJudgePHP(t *testing.T) {
	for _, tt := range []struct {
		name       string
		extensions []string
		original   bool
		want       wanted
	}{
		{"memcache", []string{"memcache", "zlib"}, true, wanted{OK, "works", ""}},
		{"memcached alone", []string{"memcached", "zlib"}, true, wanted{Warn, "foreign", "php-memcache"}},
		{"none", []string{"core"}, true, wanted{Warn, "neither", "zlib"}},
		{"none, for the log layout", []string{"core"}, false, wanted{OK, "needs none", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.want.check(t, judgePHP(tt.extensions, tt.original)) })
	}
}
