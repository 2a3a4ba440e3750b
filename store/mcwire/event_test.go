package mcwire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	storedLine  = "ts=1795401043.57 gid=2 type=item_store key=channel_a%2Fb status=stored cmd=set ttl=30 clsid=1 cfd=24 size=140"
	waitingLine = "ts=1795401043.57 gid=2 type=item_store key=lock_a%2Fb status=not_stored cmd=add ttl=5 clsid=1 cfd=24 size=1"
)

func TestParseEvent(t *testing.T) {
	const head = "ts=1.2 gid=3 type=item_store "
	stored := func(key string) Event { return Event{Key: []byte(key), Status: "stored", TTL: -1, Size: -1} }
	tests := []struct {
		name   string
		line   string
		want   Event
		ignore bool
	}{
		{"1.6.18", storedLine, Event{Key: []byte("channel_a/b"), Status: "stored", Cmd: "set", TTL: 30, Size: 140}, false},
		{"1.5.6, without cfd and size", head + "key=channel_a status=stored cmd=cas ttl=0 clsid=1",
			Event{Key: []byte("channel_a"), Status: "stored", Cmd: "cas", TTL: 0, Size: -1}, false},
		{"fields in another order", "size=1 status=stored key=channel_a type=item_store", Event{Key: []byte("channel_a"), Status: "stored", TTL: -1, Size: 1}, false},
		{"the key first", "key=channel_a type=item_store status=stored", Event{}, true},
		{"fields unheard of", "a=b " + head + "x key=channel_a y= status=stored =z", stored("channel_a"), false},
		{"set that dropped", head + "key=channel_a status=too_large cmd=set ttl=0 clsid=30 cfd=0 size=0",
			Event{Key: []byte("channel_a"), Status: "too_large", Cmd: "set"}, false},
		{"set without memory", head + "key=channel_a status=no_memory cmd=set",
			Event{Key: []byte("channel_a"), Status: "no_memory", Cmd: "set", TTL: -1, Size: -1}, false},
		{"status and command unheard of", head + "key=channel_a status=new cmd=new", Event{Key: []byte("channel_a"), TTL: -1, Size: -1}, false},
		{"numbers that are none", head + "key=channel_a status=stored ttl=-1 size=99999999999999999999", stored("channel_a"), false},
		{"octets", head + "key=channel_%C3%a9%00%ff%25 status=stored", stored("channel_é\x00\xff%"), false},
		{"an encoded prefix", head + "key=%63hannel%5F status=stored", stored("channel_"), false},
		{"the second prefix", head + "key=hb%3A1 status=stored", stored("hb:1"), false},
		{"the longest key", head + "key=channel_" + strings.Repeat("%2F", 242) + " status=stored", stored("channel_" + strings.Repeat("/", 242)), false},
		{"key too long", head + "key=channel_" + strings.Repeat("x", 243) + " status=stored", Event{}, true},
		{"another key", head + "key=lock_a status=stored", Event{}, true},
		{"a key shorter than the prefix", head + "key=chan status=stored", Event{}, true},
		{"no key", head + "key= status=stored", Event{}, true},
		{"half an octet", head + "key=channel_%4 status=stored", Event{}, true},
		{"no octet", head + "key=channel_%zz status=stored", Event{}, true},
		{"half an octet in the prefix", head + "key=channel%5", Event{}, true},
		{"not stored", head + "key=channel_a status=not_stored cmd=add", Event{}, true},
		{"exists", head + "key=channel_a status=exists cmd=cas", Event{}, true},
		{"not found", head + "key=channel_a status=not_found cmd=cas", Event{}, true},
		{"deleted", "ts=1.2 gid=3 type=deleted key=channel_a cmd=delete clsid=1 size=1", Event{}, true},
		{"no type", "ts=1.2 gid=3 key=channel_a status=stored", Event{}, true},
		{"skipped", "skipped=17", Event{Skipped: 17}, false},
		{"skipped nothing", "skipped=0", Event{}, true},
		{"skipped nonsense", "skipped=x", Event{}, true},
		{"empty", "", Event{}, true},
		{"nonsense", "HELLO key", Event{}, true},
	}
	f := filter{prefixes: []string{"channel_", "hb:"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := f.parse([]byte(tt.line))
			if ok == tt.ignore {
				t.Fatalf("got %+v, of interest: %v", got, ok)
			}
			if diff := cmp.Diff(tt.want, got); ok && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeylessEvent(t *testing.T) {
	var all filter
	if ev, ok := all.parse([]byte("ts=1.2 type=item_store key= status=stored")); ok {
		t.Errorf("got %+v, want none", ev)
	}
}

func TestEventsDoNotAllocate(t *testing.T) {
	f := filter{prefixes: []string{"channel_", "hb:"}}
	for name, line := range map[string]string{
		"another key": waitingLine,
		"not stored":  strings.Replace(waitingLine, "lock_", "channel_", 1),
		"bad octet":   strings.Replace(storedLine, "%2F", "%zz", 1),
		"stored":      storedLine,
		"skipped":     "skipped=17",
	} {
		line := []byte(line)
		if n := testing.AllocsPerRun(1000, func() { f.parse(line) }); n != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, n)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	f := filter{prefixes: []string{"channel_", "hb:"}}
	for name, line := range map[string]string{
		"another-key": waitingLine,
		"not-stored":  strings.Replace(waitingLine, "lock_", "channel_", 1),
		"stored":      storedLine,
	} {
		b.Run(name, func(b *testing.B) {
			line := []byte(line)
			b.ReportAllocs()
			for b.Loop() {
				f.parse(line)
			}
		})
	}
}

// The parser against one that splits first and asks afterwards.
func FuzzEvent(f *testing.F) {
	for _, line := range []string{storedLine, waitingLine, "skipped=17", "a key=channel_%C3%a9 type=item_store status=x"} {
		f.Add([]byte(line), "channel_")
	}
	f.Fuzz(func(t *testing.T, line []byte, prefix string) {
		before := bytes.Clone(line)
		flt := filter{prefixes: []string{prefix}}
		ev, ok := flt.parse(line)
		if !bytes.Equal(before, line) {
			t.Fatal("the line was changed")
		}
		if !ok || ev.Skipped > 0 {
			return
		}
		if n := len(ev.Key); n == 0 || n > maxKey || !bytes.HasPrefix(ev.Key, []byte(prefix)) {
			t.Fatalf("key of %d bytes, %q, prefix %q", n, ev.Key, prefix)
		}
		fields := strings.Split(string(line), " ")
		var encoded string
		for _, field := range fields[1:] {
			if key, found := strings.CutPrefix(field, "key="); found {
				encoded = key
				break
			}
		}
		if got, want := string(ev.Key), unescape(encoded); got != want {
			t.Fatalf("key: got %q, want %q", got, want)
		}
		all := filter{}
		if again, ok := all.parse([]byte("x key=" + escape(ev.Key) + " status=stored type=item_store")); !ok || !bytes.Equal(again.Key, ev.Key) {
			t.Fatalf("encoded and decoded: got %q, want %q", again.Key, ev.Key)
		}
	})
}
