package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/store/mcwire"
	"github.com/commchannel/gateway/store/memcache"
	"github.com/commchannel/gateway/store/memlog"
)

const (
	one = "10.0.0.1:11211"
	two = "10.0.0.2:11211"
)

// golden compares text with testdata/name.txt; GOLDEN=write in the environment
// writes it.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv("GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// document is a channel's JSON with these members of "messages".
func document(members ...string) string {
	return `{"lastid":0,"messages":{` + strings.Join(members, ",") + `}}`
}

func member(id, json string) string { return fmt.Sprintf("%q:%s", id, json) }

// text is a message's text as a member's value.
func text(s string) string {
	b, _ := json.Marshal(s) // of a string
	return string(b)
}

const seconds = time.Second

// Channels in the PHP layout: what is in memcached, and how it is told.
func TestPHPChannels(t *testing.T) {
	for name, fill := range map[string]func(f *fakeServer){
		"php":         fillPHP,
		"php-odd":     fillPHPOdd,
		"php-none":    func(f *fakeServer) { f.set("cc1:chat:h", 9, 60*seconds, "1882627703858790404") },
		"php-false":   func(f *fakeServer) { f.set("channel_chat", 256, 30*seconds, "0") },
		"php-ported":  func(f *fakeServer) { f.set("channel_chat", 80, 30*seconds, "\xd0\x07\x00\x00\x09abc") },
		"php-no-zlib": func(f *fakeServer) { f.set("channel_chat", 2, 30*seconds, "\x78\x9cabc") },
		"php-two":     func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, document()+document()) },
		"php-broken":  func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, `{"lastid":0,"messages":{"a":"b",}}`) },
		"php-cut":     func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, `{"lastid":0,"messages":{"a":"b`) },
		"php-latin1":  func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, document(member("a", "\"caf\xe9\""))) },
		"php-no-list": func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, `{"messages":"none"}`) },
		"php-list":    func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, `{"lastid":0,"messages":["a", "b"]}`) },
		"php-shuffled": func(f *fakeServer) {
			f.set("channel_chat", 0, 30*seconds, document(member(ago(5*seconds), `"new"`), member(ago(30*seconds), `"old"`), member(ago(3*seconds), `"newer"`)))
		},
		"php-half":    func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, document(member("a", `"\ud83d"`))) },
		"php-stuck":   fillPHPStuck,
		"php-no-meta": fillPHPNoMeta,
		"php-large": func(f *fakeServer) {
			f.set("channel_chat", 0, 30*seconds, document(member("a", `"`+strings.Repeat("x", 800<<10)+`"`)))
		},
		"php-terminal": fillPHPTerminal,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			fill(f)
			r, err := Channel(t.Context(), "chat", Options{
				URL: "memcache://10.0.0.1", PHP: &memcache.Config{Addr: one}, Last: 5,
				Now: now, Dial: dialTo(map[string]*fakeServer{one: f}),
			})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, reportText(t, r, false))
		})
	}
}

func fillPHP(f *fakeServer) {
	f.set("channel_chat", 0, 28*seconds, document(
		member("_overhead_alice", `{"lastID":"`+ago(90*seconds)+`"}`),
		member("_overhead_bob", `{"lastID":"_overhead_alice"}`),
		member(ago(90*seconds), text(`{"type":"msg","payload":"Hello there!","from":483920}`)),
		member(ago(60*seconds), text(`{"type":"msg","msg":{"a":[1,2]},"from":"bob"}`)),
		member("g660eb4d2bd400-1234", text(`{"type":"reply","payload":`+text(strings.Repeat("long ", 30))+`,"from":"alice","reply_to":"x"}`)),
		member(ago(5*seconds), text(`{"type":"msg","payload":null,"from":"bob"}`)),
	))
	f.set("channel_lock_chat", 768, 5*seconds, "1")
}

func fillPHPOdd(f *fakeServer) {
	f.stats.Evictions = 12
	f.set("channel_chat", 0, -1, `{"lastid":null,"more":1,"messages":{`+strings.Join([]string{
		member("77", text("first")), member("88", text("second")), member(ago(-90*seconds), `{"a":1.0}`),
		member("_overhead_lost", `{"lastID":"77"}`), member("_overhead_gone", `{"lastID":"6b0378e2620bd"}`),
		member("_overhead_new", `{"lastID":false}`), member("_secret", `1`),
		member("c", text(`a:3:{s:4:"type";s:3:"job";s:2:"id";s:13:"6b0386a5611b6";s:7:"payload";a:1:{s:1:"n";i:5;}}`)),
		member("d", text(`{"type":"msg","payload":1,"from":"bob"}`)), member("88", text("third")),
	}, ",")+"}}")
	f.set("channel_lock_chat", 0, 2*seconds, "mine")
}

func fillPHPStuck(f *fakeServer) {
	f.set("channel_chat", 0, 40*seconds, document())
	f.set("channel_lock_chat", 768, -1, "1")
}

func fillPHPNoMeta(f *fakeServer) {
	fillPHP(f)
	f.stats.Version = "1.5.6"
	for key, it := range f.items {
		it.Aged, it.TTL, it.Idle, it.CAS = false, 0, 0, 0
		f.items[key] = it
	}
}

// What comes from memcached does nothing to a terminal.
func fillPHPTerminal(f *fakeServer) {
	f.set("channel_chat", 0, 30*seconds, document(
		text("_overhead_\x1b[2J")+":"+`{"lastID":"\u202egone"}`,
		text("a\tb")+":"+text(`{"type":"\u001b[31m","payload":"`+"\u009b\u202e\U000e0041"+`","from":"two words"}`),
		member("b", text("\u009b2J raw\a")),
	))
}

// reportText is what people get, made sure that programs get it, too.
func reportText(t *testing.T, r *Report, full bool) string {
	t.Helper()
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
	var out bytes.Buffer
	if err := r.Text(&out, full); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Channels in the log layout.
func TestLogChannels(t *testing.T) {
	for name, fill := range map[string]func(f *fakeServer){
		"log":          fillLog,
		"log-odd":      fillLogOdd,
		"log-no-list":  func(f *fakeServer) { fillLog(f); f.mute = true },
		"log-no-head":  func(f *fakeServer) { fillLog(f); delete(f.items, "cc1:chat:h") },
		"log-bad-head": func(f *fakeServer) { fillLog(f); f.set("cc1:chat:h", 0, 60*seconds, "many") },
		"log-none":     func(f *fakeServer) { f.set("channel_chat", 0, 30*seconds, document()) },
		"log-late":     fillLogLate,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			fill(f)
			r, err := Channel(t.Context(), "chat", Options{
				URL: "memcache://10.0.0.1?layout=log", Log: &memlog.Config{Servers: []string{one}},
				Clients: []string{"carol", "nobody"}, Now: now, Dial: dialTo(map[string]*fakeServer{one: f}),
			})
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, reportText(t, r, true))
		})
	}
}

const epoch = 0x12848108

// first is the number that an epoch of three minutes ago begins with.
func first() uint64 { return uint64(now().Add(-3*time.Minute).UnixMilli()) << 20 }

func at(n uint64) memlog.Place { return memlog.Place{Epoch: epoch, Number: first() + n} }

// publish stores a message and its claim.
func (f *fakeServer) publish(n uint64, id, text string) {
	f.set(memlog.SlotKey("chat", first()+n), 0, 100*seconds, slotOf(epoch, id, text))
	f.set(memlog.ClaimKey("chat", id), 0, 105*seconds, string(at(n).Cursor()))
}

func slotOf(epoch uint32, id, text string) string {
	return string([]byte{1, byte(epoch >> 24), byte(epoch >> 16), byte(epoch >> 8), byte(epoch), byte(len(id))}) + id + text
}

func (f *fakeServer) head(n uint64) {
	f.set("cc1:chat:h", epoch, 86000*seconds, fmt.Sprint(first()+n))
}

func fillLog(f *fakeServer) {
	f.head(3)
	f.publish(1, ago(20*seconds), `{"type":"msg","payload":"Hello there!","from":"alice"}`)
	f.publish(2, "no-time", `{"type":"msg","payload":`+text(strings.Repeat("long ", 30))+`,"from":"bob"}`)
	f.publish(3, ago(5*seconds), `just text`)
	f.set(memlog.ClientKey("chat", "alice"), 0, 3590*seconds, string(at(2).Cursor()))
	f.set(memlog.ClientKey("chat", "carol"), 0, 3000*seconds, string(at(0).Cursor()))
	f.set(memlog.ClientKey("chat", "somebody"), 0, 1000*seconds, "00000007."+string(at(0).Cursor()[9:]))
}

func fillLogOdd(f *fakeServer) {
	f.stats.Evictions = 1
	f.head(10)
	f.publish(1, ago(20*seconds), `{"type":"msg","payload":1,"from":"alice"}`)
	f.set(memlog.SlotKey("chat", first()+2), 1, 290*seconds, "\xffT")
	// 3 and 6 are holes
	f.set(memlog.SlotKey("chat", first()+4), 2, 100*seconds, "\xffV")
	f.set(memlog.SlotKey("chat", first()+5), 0, 100*seconds, "junk")
	f.set(memlog.SlotKey("chat", first()+7), 0, 100*seconds, slotOf(99, "other-epoch", "{}"))
	f.publish(8, "doubled", `{"type":"msg","payload":8}`)
	f.publish(9, "doubled", `{"type":"msg","payload":9}`)
	f.set(memlog.SlotKey("chat", first()+10), 0, 100*seconds, slotOf(epoch, ago(4*seconds), "no claim"))
	f.set(memlog.SlotKey("chat", first()+12), 0, 100*seconds, slotOf(epoch, "beyond", "the head"))
	f.set(memlog.SlotKey("chat", first()-(5<<20)), 0, 10*seconds, slotOf(5, "old", "of an epoch before"))
	f.set(memlog.ClientKey("chat", "alice"), 0, 3590*seconds, "no cursor")
	f.set(memlog.ClientKey("chat", "carol"), 0, 3590*seconds, string(at(40).Cursor()))
	f.set("cc1:chat:?", 0, 10*seconds, "")
}

// What is published meanwhile is waited for.
func fillLogLate(f *fakeServer) {
	fillLog(f)
	key := memlog.SlotKey("chat", first()+2)
	f.later[key] = f.items[key]
	delete(f.items, key)
}

// A channel that is on two servers is used in two ways.
func TestLogChannelOnAnotherServer(t *testing.T) {
	cfg := &memlog.Config{Servers: []string{one, two}}
	owner, err := cfg.ServerOf("chat")
	if err != nil {
		t.Fatal(err)
	}
	fakes := map[string]*fakeServer{one: newFake(), two: newFake()}
	for _, f := range fakes {
		fillLog(f)
	}
	look := func() *Report {
		r, err := Channel(t.Context(), "chat", Options{Log: cfg, Now: now, Dial: dialTo(fakes)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := look()
	other := map[string]string{one: two, two: one}[owner]
	if r.Server.Addr != owner || len(r.Findings) == 0 || r.Findings[0].Severity != Fault || !strings.Contains(r.Findings[0].Text, other+" has this channel, too") {
		t.Errorf("got server %s and %+v, want %s and a fault that names %s", r.Server.Addr, r.Findings, owner, other)
	}
	delete(fakes, other)
	if r := look(); r.Wrong() != 1 || !strings.Contains(r.Findings[0].Text, other+" can't be reached") {
		t.Errorf("without %s: got %+v, want a finding", other, r.Findings)
	}
	delete(fakes, owner)
	if _, err := Channel(t.Context(), "chat", Options{Log: cfg, Now: now, Dial: dialTo(fakes)}); err == nil || !strings.Contains(err.Error(), owner) {
		t.Errorf("without %s: got %v, want an error that names it", owner, err)
	}
}

func TestOverview(t *testing.T) {
	php, log := newFake(), newFake()
	fillPHP(php)
	php.set("shop_channel_other", 0, 10*seconds, "")
	php.set("channel_a\u0009", 0, 10*seconds, strings.Repeat("x", 5000))
	php.set("channel_lock_alone", 768, 4*seconds, "1")
	php.set("unrelated", 0, -1, "")
	fillLog(log)
	log.set("cc1:"+memlog.NameOf("два слова")+":h", 1, -1, "1")
	log.set("cc1:"+memlog.NameOf(strings.Repeat("д", 100))+":1", 0, 10*seconds, "")
	log.set("cc1::b:XYZ", 0, 5*seconds, "")
	fakes := map[string]*fakeServer{one: php, two: log}
	for name, o := range map[string]Options{
		"overview-php": {URL: "memcache://10.0.0.1", PHP: &memcache.Config{Addr: one}},
		"overview-log": {URL: "memcache://10.0.0.2?layout=log", Log: &memlog.Config{Servers: []string{two}}},
	} {
		t.Run(name, func(t *testing.T) {
			o.Dial, o.Now = dialTo(fakes), now
			all, err := Channels(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := all.Text(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
		})
	}
	php.mute = true
	_, err := Channels(t.Context(), Options{PHP: &memcache.Config{Addr: one}, Dial: dialTo(fakes)})
	if err == nil || !strings.Contains(err.Error(), "name a channel") {
		t.Errorf("without a list: got %v, want to be told to name a channel", err)
	}
}

var _ Server = (*mcwire.Conn)(nil)
