package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
)

// What programs get.
func TestJSON(t *testing.T) {
	php, log := newFake(), newFake()
	fillPHP(php)
	fillLog(log)
	for name, o := range map[string]Options{
		"php.json": {URL: "memcache://10.0.0.1", PHP: &memcache.Config{Addr: one}, Last: 2},
		"log.json": {URL: "memcache://10.0.0.2?layout=log", Log: &memlog.Config{Servers: []string{two}}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Now, o.Dial = now, dialTo(map[string]*fakeServer{one: php, two: log})
			r, err := Channel(t.Context(), "chat", o)
			if err != nil {
				t.Fatal(err)
			}
			out, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, string(out)+"\n")
		})
	}
}

func TestNames(t *testing.T) {
	_, err := Channel(t.Context(), "lock_x", Options{PHP: &memcache.Config{Addr: one}})
	if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeBadChannel {
		t.Errorf("got %v, want that no channel has this name", err)
	}
}

// A channel that is in use may be on the move within memcached while that lists
// its keys. One list is enough where another is refused.
func TestChannelsOnTheMoveAreListed(t *testing.T) {
	for _, tt := range []struct {
		name        string
		misses      int // how often "busy" is left out
		tired, many int
		want        string
		lists       int
	}{
		{"left out once", 1, 0, 0, "busy room", listings},
		{"left out twice", 2, 0, 0, "busy room", listings},
		{"a list is refused", 0, 1, 0, "busy room", 2},
		{"a server with many keys", 1, 0, fewKeys, "room", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			f.set("channel_busy", 0, time.Minute, "x")
			f.set("channel_room", 0, time.Minute, "x")
			for n := range tt.many {
				f.set(fmt.Sprint("other_", n), 0, time.Minute, "x")
			}
			f.moves, f.tired = map[string]int{"channel_busy": tt.misses}, tt.tired
			all, err := Channels(t.Context(), Options{
				PHP: &memcache.Config{Addr: one}, Now: now, Dial: dialTo(map[string]*fakeServer{one: f}),
			})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range all.Channels {
				names = append(names, c.Channel)
			}
			if got := strings.Join(names, " "); got != tt.want || f.lists != tt.lists {
				t.Errorf("got %q of %d lists, want %q of %d", got, f.lists, tt.want, tt.lists)
			}
		})
	}
}

// More slots than are read at once, and old ones that have ended.
func TestManySlots(t *testing.T) {
	f := newFake()
	f.head(3000)
	for n := uint64(1500); n <= 3000; n++ {
		f.publish(n, fmt.Sprint("m", n), `{"type":"msg","payload":1}`)
	}
	for _, mute := range []bool{true, false} {
		f.mute = mute
		r, err := Channel(t.Context(), "chat", Options{Log: &memlog.Config{Servers: []string{one}}, Last: 3, Now: now, Dial: dialTo(map[string]*fakeServer{one: f})})
		if err != nil {
			t.Fatal(err)
		}
		if r.Total != 1501 || len(r.Messages) != 3 || r.Messages[2].ID != "m3000" || r.Wrong() > 0 {
			t.Errorf("got %d messages, %d of them shown, and %+v, want 1501, 3 and nothing wrong", r.Total, len(r.Messages), r.Findings)
		}
	}
}

// What the server has just lost is not blamed on publishers: only numbers
// behind a message that is still there are missing.
func TestWhatHasEndedIsNoHole(t *testing.T) {
	f := newFake()
	f.head(500)
	f.set(memlog.SlotKey("chat", first()+100), 1, 200*seconds, "\xffT")
	r, err := Channel(t.Context(), "chat", Options{Log: &memlog.Config{Servers: []string{one}}, Now: now, Dial: dialTo(map[string]*fakeServer{one: f})})
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range r.Findings {
		if strings.Contains(found.Text, "given out") {
			t.Errorf("got %q", found.Text)
		}
	}
}

// PHP gives up on what we say, and on nothing else.
func TestWherePHPGivesUp(t *testing.T) {
	memcachedtest.Need(t, "php")
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, text := range map[string]string{
		"plain": `{"a":"b"}`, "deep": deep(phpDepth), "too deep": deep(phpDepth + 1), "brackets in a string": `["` + deep(600) + `"]`,
		"deep objects": strings.Repeat(`{"a":`, phpDepth) + "1" + strings.Repeat("}", phpDepth),
		"pair":         `"\ud83d\ude00"`, "high half": `"\ud83d"`, "high half, and more": `"\ud83dabcdefgh"`, "low half": `"\ude00"`,
		"two high halves": `"\ud83d\ud83d\ude00"`, "half in a key": `{"\ud83d":1}`, "escaped backslash": `"\\ud83d"`, "high, then a letter": `"\ud83d\u0041"`,
		"quotes": `["\"", "\\", "\\\"[", "\u0022["]`, "half in a string in a string": `"{\"a\":\"\\ud83d\"}"`,
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "php", "-r", `json_decode(stream_get_contents(STDIN), true); echo json_last_error();`)
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, php := phpGivesUp([]byte(text)), string(out); (got == "") != (php == "0") {
				t.Errorf("got %q, and PHP's json_last_error is %s", got, php)
			}
		})
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 99 * time.Millisecond: "0.1 s", 9900 * time.Millisecond: "9.9 s", 59 * seconds: "59 s", time.Minute: "1 min",
		61 * seconds: "1 min 1 s", time.Hour: "1 h", 90 * time.Minute: "1 h 30 min", 25 * time.Hour: "1 d 1 h", -30 * seconds: "-30 s",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1536: "1.5 KiB", 100 << 10: "100 KiB", 3 << 19: "1.5 MiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	for d, want := range map[Seconds]string{Seconds(1500 * time.Millisecond): "1.5", 0: "0", Seconds(-seconds): "-1", Seconds(math.MaxInt64): "9223372036.854776"} {
		if got, err := json.Marshal(d); err != nil || string(got) != want {
			t.Errorf("%d: got %s, %v, want %s", d, got, err, want)
		}
	}
}

// Whatever memcached holds can be told, to people and to programs.
func FuzzPHPChannel(f *testing.F) {
	f.Add(uint32(0), []byte(document(member("_overhead_alice", `{"lastID":1}`), member("1", `"a"`))), uint32(768), []byte("1"), int64(30))
	f.Add(uint32(2), []byte("\x78\x9c\x03\x00\x00\x00\x00\x01"), uint32(0), []byte{}, int64(-1))
	f.Add(uint32(256), []byte("0"), uint32(768), []byte("1"), int64(1))
	f.Add(uint32(0), []byte(`{"lastid":null,"messages":["a:1:{",{"a":"\ud83d"}],"x":1}{}`), uint32(1), []byte("\xff"), int64(99))
	f.Add(uint32(0), []byte(document(text("\x1b\t")+":"+text(`{"type":"\u001b","payload":"`+"\u009b"+`"}`))), uint32(0), []byte("\x1b"), int64(3))
	f.Fuzz(func(t *testing.T, flags uint32, value []byte, lockFlags uint32, lock []byte, ttl int64) {
		server := newFake()
		server.set("channel_chat", flags, time.Duration(ttl%1e6)*seconds, string(value))
		server.set("channel_lock_chat", lockFlags, time.Duration(ttl%7)*seconds, string(lock))
		told(t, Options{PHP: &memcache.Config{Addr: one}}, server)
	})
}

func FuzzLogChannel(f *testing.F) {
	f.Add([]byte(fmt.Sprint(first()+2)), uint32(epoch), []byte(slotOf(epoch, "a", "b")), uint32(0), []byte(at(1).Cursor()), "cc1:chat:c:hash")
	f.Add([]byte("18446744073709551615"), uint32(0), []byte("\xffT"), uint32(1), []byte("no cursor"), "cc1:chat:zzzzzzzzzzzzz")
	f.Add([]byte("0"), uint32(1), []byte{}, uint32(2), []byte{}, "cc1:chat:")
	f.Fuzz(func(t *testing.T, head []byte, headFlags uint32, slot []byte, slotFlags uint32, place []byte, key string) {
		server := newFake()
		server.set("cc1:chat:h", headFlags, 60*seconds, string(head))
		newest, err := memlog.ViewHead(headFlags, head)
		if err == nil {
			server.set(memlog.SlotKey("chat", newest.Number), slotFlags, 60*seconds, string(slot))
		}
		server.set(memlog.ClientKey("chat", "alice"), 0, 60*seconds, string(place))
		server.set(key, slotFlags, 60*seconds, string(slot))
		told(t, Options{Log: &memlog.Config{Servers: []string{one}, Grace: time.Microsecond}, Clients: []string{"alice"}}, server)
	})
}

// told wants a report that is valid JSON, and text without anything that a
// terminal would take for more than that.
func told(t *testing.T, o Options, server *fakeServer) {
	t.Helper()
	o.Now, o.Dial = now, dialTo(map[string]*fakeServer{one: server})
	r, err := Channel(t.Context(), "chat", o)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(r)
	if err != nil || !json.Valid(out) {
		t.Fatalf("got %v and %s", err, out)
	}
	var text bytes.Buffer
	if err := r.Text(&text, true); err != nil {
		t.Fatal(err)
	}
	for _, c := range text.String() {
		if !unicode.IsGraphic(c) && c != '\n' {
			t.Fatalf("got %q in %q", c, text.String())
		}
	}
}
