package memcache

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/commchannel/gateway/internal/memcachedtest"
	"github.com/commchannel/gateway/protocol"
)

// phpID is the uniqid that PHP makes at t.
func phpID(t time.Time) string { return fmt.Sprintf("%08x%05x", t.Unix(), t.Nanosecond()/1000) }

// A draft is a document in the making; each message is 400 bytes long.
type draft struct{ entries []entry }

func (d *draft) messages(n int, first time.Time, step time.Duration) (ids []string) {
	for i := range n {
		id := phpID(first.Add(time.Duration(i) * step))
		d.entries = append(d.entries, entry{id, fmt.Appendf(nil, "%q", strings.Repeat("x", 400))})
		ids = append(ids, id)
	}
	return ids
}

func (d *draft) client(name, last string) {
	d.entries = append(d.entries, entry{overhead + name, lastIDOf(last).json()})
}

func (d *draft) document(t *testing.T) *document {
	t.Helper()
	got, err := decode(newDocument().encode(d.entries))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func idsOf(d *document) (ids []string) {
	for _, e := range d.entries {
		ids = append(ids, e.id)
	}
	return ids
}

func TestPruneDropsWhatIsOld(t *testing.T) {
	now := time.Unix(1_795_389_286, 0)
	var d draft
	d.client("first", overhead+"first")
	old := d.messages(200, now.Add(-10*time.Minute), time.Second)
	d.client("gone", old[3])
	d.client("idle", old[199]) // saw the last before the quiet minutes
	d.entries = append(d.entries, entry{"_private", []byte(`"x"`)})
	fresh := d.messages(150, now.Add(-time.Minute), time.Millisecond)
	d.client("live", fresh[149])
	d.client("follows", overhead+"idle")

	got := d.document(t).pruned(now)
	want := slices.Concat([]string{old[199], overhead + "idle", "_private"}, fresh, []string{overhead + "live", overhead + "follows"})
	if !slices.Equal(idsOf(got), want) {
		t.Errorf("got %d entries, want %d", len(got.entries), len(want))
		for i := range min(len(want), len(got.entries)) {
			if got.entries[i].id != want[i] {
				t.Fatalf("first difference at %d: got %q, want %q", i, got.entries[i].id, want[i])
			}
		}
	}
	after := append(pairs(got), "new y")
	checkText(t, "with one more, after pruning", textWith(got, "new", `"y"`), after)
}

func TestPruneKeeps(t *testing.T) {
	now := time.Unix(1_795_389_286, 0)
	hour := time.Hour
	tests := []struct {
		name string
		fill func(d *draft)
	}{
		{"a small channel", func(d *draft) { d.messages(10, now.Add(-hour), time.Second) }},
		{"what is young", func(d *draft) { d.messages(300, now.Add(-time.Minute), time.Millisecond) }},
		{"the newest hundred", func(d *draft) { d.messages(100, now.Add(-hour), time.Millisecond) }},
		{"what is young by the clock that wrote it", func(d *draft) { d.messages(300, now.Add(-hour), time.Millisecond) }},
		{"what is young, with one from a clock ahead", func(d *draft) {
			d.messages(300, now.Add(-time.Minute), time.Millisecond)
			d.messages(1, now.Add(hour), 0)
		}},
		{"all behind one that is young", func(d *draft) {
			d.messages(1, now.Add(-time.Second), 0)
			d.messages(300, now.Add(-hour), time.Millisecond)
		}},
		{"ids without a time", func(d *draft) {
			for i := range 300 {
				d.entries = append(d.entries, entry{fmt.Sprint("m", i), fmt.Appendf(nil, "%q", strings.Repeat("x", 400))})
			}
			d.messages(1, now, 0)
		}},
		{"what is not worth the writing", func(d *draft) {
			d.messages(20, now.Add(-hour), time.Second)
			d.messages(300, now.Add(-time.Minute), time.Millisecond)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var made draft
			test.fill(&made)
			d := made.document(t)
			if got := d.pruned(now); got != d {
				t.Errorf("%d of %d entries are left", len(got.entries), len(d.entries))
			}
		})
	}
}

// Whoever polls under ever new names does not fill the channel.
func TestPruneBoundsClients(t *testing.T) {
	now := time.Unix(1_795_389_286, 0)
	var d draft
	for i := range 3 * keepClients {
		name := fmt.Sprint("client", i)
		d.client(name, overhead+name)
	}
	fresh := d.messages(1, now, 0)
	got := d.document(t).pruned(now)
	if want := keepClients + 1; len(got.entries) != want || !slices.Contains(idsOf(got), fresh[0]) {
		t.Errorf("got %d entries, want %d", len(got.entries), want)
	}
	if last := fmt.Sprint(overhead, "client", 3*keepClients-1); !slices.Contains(idsOf(got), last) {
		t.Error("the newest client is gone")
	}
}

// A busy channel stays small, and nobody who follows it sees that.
func TestBusyChannelIsPruned(t *testing.T) {
	server := memcachedtest.Start(t)
	c, s := dial(t, server), openStore(t, Config{Addr: server.Addr})
	var d draft
	old := d.messages(400, time.Now().Add(-time.Hour), time.Second)
	fresh := d.messages(120, time.Now().Add(-time.Second), time.Millisecond)
	setDocument(t, c, "c", string(d.document(t).json))
	hints := s.Watch(t.Context(), "c")
	at := mustTail(t, s, "c")
	want := []string{}
	for i := range 20 {
		text := fmt.Sprint("new ", i)
		mustAppend(t, s, "c", text)
		want = append(want, text)
	}
	await(t, hints, func() bool {
		p := mustRead(t, s, "c", at)
		return !p.Gap && slices.Equal(texts(p.Messages), want)
	})
	left, _, err := s.fetch("c")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(left.entries), 1+len(fresh)+20; got != want {
		t.Errorf("got %d entries in memcached, want %d", got, want)
	}
	// Followers remember what was dropped; others are told of the gap.
	dropped := entry{old[390], []byte(fmt.Sprintf("%q", strings.Repeat("x", 400)))}.cursor()
	if p := mustRead(t, s, "c", dropped); p.Gap || len(p.Messages) != 9+120+20 {
		t.Errorf("a follower: got gap %v and %d messages, want %d", p.Gap, len(p.Messages), 9+120+20)
	}
	other := openStore(t, Config{Addr: server.Addr})
	if p := mustRead(t, other, "c", dropped); !p.Gap || len(p.Messages) != 1+120+20 {
		t.Errorf("another gateway: got gap %v and %d messages, want a gap and %d", p.Gap, len(p.Messages), 1+120+20)
	}
	if at := protocol.MessageTime(old[0]); at == 0 {
		t.Error("the test's ids tell no time")
	}
}
