package mcwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

// items looks at keys.
func items(t testing.TB, c *Conn, values bool, keys ...string) []Item {
	t.Helper()
	var got []Item
	if err := c.Items(t.Context(), keys, values, func(it Item) { got = append(got, it) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(keys) {
		t.Fatalf("got %d items, want %d", len(got), len(keys))
	}
	return got
}

func testItems(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	s := v.Start(t)
	c := dial(t, s, Config{MaxValue: 9})
	const most = 9
	var cas uint64
	for _, set := range []string{"plain 2 30 5\r\nvalue", "forever 4294967295 0 0\r\n", "larger 0 100 10\r\nmost and 1", "ключ:/,% 0 30 3\r\nodd"} {
		if got := say(t, c, "set "+set); got != "STORED" {
			t.Fatalf("set %s: got %q, want STORED", set, got)
		}
	}
	if err := c.Heads(t.Context(), []Want{{Key: "plain"}}, func(r Result) { cas = r.CAS }); err != nil {
		t.Fatal(err)
	}
	keys := []string{"plain", "missing", "forever", "larger", "ключ:/,%", "plain"}
	got, heads := items(t, c, true, keys...), items(t, c, false, keys...)
	for i, want := range []Item{
		{Key: "plain", Found: true, Flags: 2, CAS: cas, Size: 5, Value: []byte("value"), Aged: true, TTL: 30 * time.Second, Read: true},
		{Key: "missing"},
		{Key: "forever", Found: true, Flags: 1<<32 - 1, Value: []byte{}, Aged: true, TTL: -1},
		{Key: "larger", Found: true, Size: most + 1, Aged: true, TTL: 100 * time.Second},
		{Key: "ключ:/,%", Found: true, Size: 3, Value: []byte("odd"), Aged: true, TTL: 30 * time.Second},
		{Key: "plain", Found: true, Flags: 2, CAS: cas, Size: 5, Value: []byte("value"), Aged: true, TTL: 30 * time.Second, Read: true},
	} {
		if left := want.TTL - got[i].TTL; left > 0 && left < patience { // a slow machine
			want.TTL = got[i].TTL
		}
		if got[i].Idle < patience {
			want.Idle = got[i].Idle
		}
		if want.CAS == 0 {
			want.CAS = got[i].CAS
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("item %d (-want +got):\n%s", i, diff)
		}
		if h := heads[i]; h.Found != want.Found || h.Size != want.Size || h.CAS != want.CAS || h.Aged != want.Aged || h.Value != nil {
			t.Errorf("item %d without its value: got %+v, want %+v", i, h, want)
		}
	}
	if got := items(t, c, true); len(got) != 0 {
		t.Errorf("got %v for no keys", got)
	}
	if err := c.Items(t.Context(), []string{"a b"}, true, nil); !errors.Is(err, ErrKey) {
		t.Errorf("a key with a space: got %v, want ErrKey", err)
	}
}

// More keys than go at once, of both kinds.
func testThousandItems(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, meta)
	s := v.Start(t)
	c := dial(t, s, Config{})
	var keys []string
	for i, w := range fill(t, s, 1000, 100) {
		keys = append(keys, w.Key, fmt.Sprintf("missing_%d", i))
	}
	for i, it := range items(t, c, true, keys...) {
		if it.Key != keys[i] || it.Found != (i%2 == 0) || it.Found && len(it.Value) != 100 {
			t.Fatalf("item %d: got %+v, want %s", i, it, keys[i])
		}
	}
}

// A server without meta commands has items, but no ages.
func TestItemsWithoutMeta(t *testing.T) {
	for _, refusal := range []string{"ERROR", "EN"} {
		t.Run(refusal, func(t *testing.T) {
			c := against(t, Config{MaxValue: 9}, func(p *peer) {
				p.hears("mn")
				p.says(refusal + "\r\n")
				p.hears("gets a", "gets b", "gets c")
				p.says("VALUE a 2 5 7\r\nvalue\r\nEND\r\nEND\r\nVALUE c 0 10 8\r\nmost and 1\r\nEND\r\n")
			})
			want := []Item{
				{Key: "a", Found: true, Flags: 2, CAS: 7, Size: 5, Value: []byte("value")},
				{Key: "b"},
				{Key: "c", Found: true, CAS: 8, Size: 10},
			}
			if diff := cmp.Diff(want, items(t, c, true, "a", "b", "c")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatServersMayNotAnswerToItems(t *testing.T) {
	for name, answer := range map[string]string{
		"no age":                 "VA 1 c1 f0 s1 O0\r\nv\r\nMN\r\n",
		"an age twice":           "VA 1 c1 f0 t1 t1 l1 h0 s1 O0\r\nv\r\nMN\r\n",
		"an age that is none":    "VA 1 c1 f0 t-2 l1 h0 s1 O0\r\nv\r\nMN\r\n",
		"two sizes":              "VA 1 c1 f0 t1 l1 h0 s2 O0\r\nv\r\nMN\r\n",
		"out of order":           "VA 1 c1 f0 t1 l1 h0 s1 O1\r\nv\r\nVA 1 c1 f0 t1 l1 h0 s1 O0\r\nv\r\nMN\r\n",
		"an item beyond the end": "VA 1 c1 f0 t1 l1 h0 s1 O2\r\nv\r\nMN\r\n",
		"a head":                 "HD c1 f0 t1 l1 h0 s1 O0\r\nMN\r\n",
		"an error":               "SERVER_ERROR out of memory\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := against(t, Config{}, func(p *peer) { p.hasMeta(); p.answers(answer) })
			err := c.Items(t.Context(), []string{"a", "b"}, true, func(Item) {})
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("got %v, want ErrProtocol", err)
			}
		})
	}
}

func testKeys(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	s := v.Start(t)
	c := dial(t, s, Config{})
	want := []string{"ключ:/,%", strings.Repeat("k", maxKey)}
	for i := range 1000 {
		want = append(want, fmt.Sprintf("channel_%d", i))
	}
	for _, key := range want {
		if got := say(t, c, "set "+key+" 0 0 1\r\nv"); got != "STORED" {
			t.Fatalf("set %s: got %q, want STORED", key, got)
		}
	}
	// What was just written is not listed at once.
	for deadline := time.Now().Add(patience); ; {
		var got []string
		if err := dial(t, s, Config{}).Keys(t.Context(), func(key []byte) { got = append(got, string(key)) }); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		slices.Sort(want)
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
}

func testKeysOfEmptyServer(t *testing.T, v memcachedtest.Version) {
	v.Needs(t, watching)
	c := dial(t, v.Start(t), Config{})
	if err := c.Keys(t.Context(), func(key []byte) { t.Errorf("got the key %q", key) }); err != nil {
		t.Fatal(err)
	}
	if got := say(t, c, "mn"); v.Before(meta) == (got == "MN") {
		t.Errorf("afterwards: mn is answered %q", got)
	}
}

func testKeysRefused(t *testing.T, v memcachedtest.Version) {
	c := dial(t, v.Start(t, "-o", "no_lru_crawler"), Config{})
	if err := c.Keys(t.Context(), func([]byte) {}); !errors.Is(err, ErrListRefused) {
		t.Errorf("got %v, want ErrListRefused", err)
	}
}

func TestWordsOfRefusal(t *testing.T) {
	for words, want := range map[string]error{
		"ERROR": ErrListRefused, "LOCKED": ErrListRefused,
		"CLIENT_ERROR lru crawler disabled": ErrListRefused, "STAT a 1": ErrProtocol, "key=": ErrProtocol, "key=%4": ErrProtocol,
		"key=" + strings.Repeat("k", maxKey+1) + " exp=1": ErrProtocol,
	} {
		t.Run(words, func(t *testing.T) {
			c := against(t, Config{}, func(p *peer) {
				p.hears("lru_crawler metadump all")
				p.says(words + "\r\n")
			})
			if err := c.Keys(t.Context(), func([]byte) {}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

// TestKeysOfABusyServer: it may look through its memory just then.
func TestKeysOfABusyServer(t *testing.T) {
	for _, tt := range []struct {
		name string
		busy int // answers
		want error
	}{
		{"for a moment", 3, nil},
		{"for long", busyTries + 1, ErrListRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := against(t, Config{}, func(p *peer) {
					for range tt.busy {
						p.hears("lru_crawler metadump all")
						p.says("BUSY currently processing crawler request\r\n")
					}
					if tt.want == nil {
						p.hears("lru_crawler metadump all")
						p.says("key=a exp=-1\r\nEND\r\n")
					}
				})
				got := ""
				err := c.Keys(t.Context(), func(key []byte) { got += string(key) })
				if !errors.Is(err, tt.want) || got != "a" && err == nil {
					t.Errorf("got %q %v, want %v", got, err, tt.want)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // and nobody waits for it any more
		ctx, cancel := context.WithCancel(t.Context())
		c := against(t, Config{}, func(p *peer) {
			p.hears("lru_crawler metadump all")
			p.says("BUSY\r\n")
			cancel()
		})
		if err := c.Keys(ctx, func([]byte) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

// Whatever a server sends, items come once each and in order, and values keep
// their bound.
func FuzzItems(f *testing.F) {
	for _, answers := range []string{
		"MN\r\nVA 5 c1 f0 t1 l1 h0 s5 O0\r\nvalue\r\nVA 12 c1 f0 t-1 l1 h1 s12 O2\r\ntwelve bytes\r\nMN\r\n",
		"ERROR\r\nVALUE a 0 5 1\r\nvalue\r\nEND\r\nEND\r\nVALUE c 0 12 1\r\ntwelve bytes\r\nEND\r\n",
		"EN\r\nEND\r\nEND\r\nEND\r\n", "MN\r\nMN\r\n", "MN\r\nVA 1073741824 c1 f0 t0 l0 h0 s1073741824 O0\r\n",
		"MN\r\nHD c1 f0 t0 l0 h0 s5 O1\r\nMN\r\n", "EN\r\nVALUE a 0 -1 1\r\n",
	} {
		f.Add([]byte(answers))
	}
	keys := []string{"a", "b", "c"}
	f.Fuzz(func(t *testing.T, answers []byte) {
		for _, values := range []bool{true, false} {
			c := New(recording{bytes.NewReader(answers)}, Config{MaxValue: 10})
			next := 0
			err := c.Items(t.Context(), keys, values, func(it Item) {
				if it.Key != keys[next] || len(it.Value) > 10 || it.TTL < -1 || it.Idle < 0 || !it.Found && it.Size > 0 {
					t.Fatalf("got %+v, want %s", it, keys[next])
				}
				next++
			})
			if err == nil && next != len(keys) {
				t.Fatalf("got %d items and no error", next)
			}
		}
	})
}

// Whatever a server lists, what comes can be a key.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("OK\r\nkey=a%25b exp=-1 la=1 cas=1 fetch=no cls=1 size=62 flags=0 \r\nEND\r\n"))
	f.Add([]byte("key=a exp=1 la=1 cas=1 fetch=no cls=1 size=62\nkey=b exp=1\r\nEND\r\n"))
	f.Add([]byte("END\r\n"))
	f.Add([]byte("CLIENT_ERROR lru crawler disabled\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := New(recording{bytes.NewReader(sent)}, Config{})
		n := 0
		err := c.Keys(t.Context(), func(key []byte) {
			if n++; len(key) == 0 || len(key) > maxKey {
				t.Fatalf("got the key %q", key)
			}
		})
		if lines := bytes.Count(sent, []byte("\n")); n > lines {
			t.Fatalf("got %d keys of %d lines", n, lines)
		}
		if err == nil && !bytes.Contains(sent, []byte("END")) {
			t.Fatal("the list ended without its end")
		}
	})
}
