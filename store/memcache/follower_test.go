package memcache

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gomemcache "github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/protocol"
)

// itemLook is a look that found a document, in the life "life".
func itemLook(begun time.Time, cas uint64, text string) look {
	item := &gomemcache.Item{Key: "channel_c", Value: []byte(text), CasID: cas}
	return look{begun: begun, life: "life", items: map[string]*gomemcache.Item{item.Key: item}}
}

// A view drives one follower by looks, without a server.
type view struct {
	t   *testing.T
	f   *follower
	cas uint64
	now time.Time
}

func newView(t *testing.T) *view {
	return &view{t: t, f: newFollower("c", "channel_c", 1000), now: time.UnixMilli(1_795_389_286_000)}
}

// sees takes in a document of these members, a little later.
func (v *view) sees(members string) {
	v.t.Helper()
	v.cas++
	v.looks(itemLook(v.now, v.cas, `{"lastid":0,"messages":{`+members+`}}`))
}

// misses takes in that there is no document.
func (v *view) misses() {
	v.t.Helper()
	v.looks(look{begun: v.now, life: "life"})
}

func (v *view) looks(l look) {
	v.t.Helper()
	if ok, _, err := v.f.see(v.f.beginLook(), l, v.now); !ok || err != nil {
		v.t.Fatalf("see: %v, %v", ok, err)
	}
	v.now = v.now.Add(5 * time.Millisecond)
}

// checkAfter wants these texts, behind a gap or not, and returns where they end.
func (v *view) checkAfter(c protocol.Cursor, wantGap bool, want ...string) protocol.Cursor {
	v.t.Helper()
	p, found := v.f.page(parsePlace(c), 1000)
	if !found {
		v.t.Errorf("the place %q is not known", c)
	}
	if got := texts(p.Messages); p.Gap != wantGap || !slices.Equal(got, want) {
		v.t.Errorf("after %q: got gap %v and %q, want gap %v and %q", c, p.Gap, got, wantGap, want)
	}
	if err := protocol.CheckCursor(p.Cursor); err != nil {
		v.t.Error(err)
	}
	return p.Cursor
}

func cursorFor(id, text string) protocol.Cursor {
	return entry{id, protocol.AppendString(nil, text)}.cursor()
}

func TestFollowerDeliversInOrderOnce(t *testing.T) {
	v := newView(t)
	v.sees(`"a":"1","_overhead_x":{"lastID":"a"}`)
	v.sees(`"a":"1","_overhead_x":{"lastID":"a"},"b":"2","c":"3"`)
	v.checkAfter("", false, "1", "2", "3")
	end := v.checkAfter(cursorFor("a", "1"), false, "2", "3")
	v.sees(`"a":"1","_overhead_x":{"lastID":"c"},"b":"2","c":"3"`)
	v.checkAfter(end, false)
	v.sees(`"a":"1","_overhead_x":{"lastID":"c"},"b":"2","c":"3","d":"4"`)
	v.checkAfter(end, false, "4")
}

// Two processes whose uniqid is the same overwrite each other's message.
func TestFollowerDeliversWhatOverwrote(t *testing.T) {
	v := newView(t)
	v.sees(`"a":"1","b":"2","c":"3"`)
	end := v.checkAfter("", false, "1", "2", "3")
	v.sees(`"a":"1","b":"other","c":"3"`)
	next := v.checkAfter(end, false, "other")
	if want := cursorFor("b", "other"); next != want {
		t.Errorf("cursor: got %q, want %q", next, want)
	}
	v.sees(`"a":"1","b":"other","c":"3","d":"4"`)
	v.checkAfter(next, false, "4")
	v.checkAfter(end, false, "other", "4")
	v.checkAfter(cursorFor("b", "2"), false, "3", "other", "4")
}

// PHP writes the whole document anew: the same values look different.
func TestFollowerKnowsMessagesWrittenAnew(t *testing.T) {
	v := newView(t)
	v.f.remember = 1 // so that only the document tells
	v.sees(`"a":"é/","b":{"x":{},"y":1.0,"z":[1,"é"]},"c":[]`)
	end := v.f.tail()
	v.sees(`"a":"\u00e9\/","b":{"x":[],"y":1,"z":[1,"\u00e9"]},"c":{}`)
	v.checkAfter(end, false)
}

func TestFollowerSurvivesTheEndOfADocument(t *testing.T) {
	v := newView(t)
	v.sees(`"a":"1"`)
	v.sees(`"a":"1","b":"2"`)
	atA, atB := cursorFor("a", "1"), cursorFor("b", "2")
	for range 31 { // nobody writes; we look all the time
		v.now = v.now.Add(time.Second)
		v.looks(itemLook(v.now, v.cas, `ignored: the CAS is the same`))
	}
	v.misses()
	v.checkAfter(atA, false, "2")
	v.checkAfter(atB, false)
	v.sees(`"c":"3"`)
	v.checkAfter(atA, false, "2", "3")
	v.checkAfter(atB, false, "3")
}

func TestFollowerSeesADocumentEndAndBeginBetweenLooks(t *testing.T) {
	v := newView(t)
	v.sees(`"a":"1"`)
	v.sees(`"a":"1","b":"2"`)
	v.now = v.now.Add(27 * time.Second)
	v.looks(itemLook(v.now, v.cas, ``))
	v.now = v.now.Add(3 * time.Second)
	v.sees(`"c":"3"`)
	v.checkAfter(cursorFor("b", "2"), false, "3")
}

func TestFollowerGaps(t *testing.T) {
	tests := []struct {
		name string
		then func(v *view)
		gap  bool
		want []string
	}{
		{"vanished before its time", func(v *view) { v.misses() }, true, nil},
		{"vanished, then written to", func(v *view) { v.misses(); v.sees(`"c":"3"`) }, true, []string{"3"}},
		{"replaced before its time", func(v *view) { v.sees(`"c":"3"`) }, true, []string{"3"}},
		{"overwritten by an older state", func(v *view) { v.sees(`"a":"1","c":"3"`) }, true, []string{"3"}},
		{"wiped by a failed json_encode", func(v *view) {
			v.cas++
			l := itemLook(v.now, v.cas, "0")
			l.items["channel_c"].Flags = flagsFalse
			v.looks(l)
		}, true, nil},
		{"another life, all there", func(v *view) {
			l := itemLook(v.now, v.cas, `{"lastid":0,"messages":{"a":"1","b":"2","c":"3"}}`)
			l.life = "later"
			v.looks(l)
		}, false, []string{"3"}},
		{"another life, the same CAS, other messages", func(v *view) {
			l := itemLook(v.now, v.cas, `{"lastid":0,"messages":{"c":"3"}}`)
			l.life = "later"
			v.looks(l)
		}, true, []string{"3"}},
		{"nobody looked for too long", func(v *view) {
			v.now = v.now.Add(leastLife)
			v.sees(`"c":"3"`)
		}, true, []string{"3"}},
		{"nobody looked for long, all there", func(v *view) {
			v.now = v.now.Add(time.Hour)
			v.sees(`"b":"2","c":"3"`)
		}, false, []string{"3"}},
		{"touched, then gone", func(v *view) {
			v.now = v.now.Add(20 * time.Second)
			v.f.hasTouched(v.now, true)
			v.now = v.now.Add(20 * time.Second)
			v.looks(itemLook(v.now, v.cas, ``))
			v.misses()
		}, true, nil},
		{"only a client's place written", func(v *view) { v.sees(`"a":"1","b":"2","_overhead_x":{"lastID":"b"}`) }, false, nil},
		{"oldest pruned", func(v *view) { v.sees(`"b":"2","c":"3"`) }, false, []string{"3"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := newView(t)
			v.sees(`"a":"1"`)
			v.sees(`"a":"1","b":"2"`)
			test.then(v)
			end := v.checkAfter(cursorFor("b", "2"), test.gap, test.want...)
			v.checkAfter(end, false) // a gap is told once
			v.checkAfter(cursorFor("a", "1"), test.gap, append([]string{"2"}, test.want...)...)
		})
	}
}

func TestFollowerOfAnEmptyChannel(t *testing.T) {
	tests := []struct {
		name string
		then func(v *view)
		gap  bool
		want []string
	}{
		{"nothing", func(*view) {}, false, nil},
		{"written to", func(v *view) { v.sees(`"a":"1"`) }, false, []string{"1"}},
		{"a client's place, and gone", func(v *view) { v.sees(`"_overhead_x":{"lastID":"_overhead_x"}`); v.misses() }, true, nil},
		{"a client's place, and removed", func(v *view) { v.sees(`"_overhead_x":{"lastID":"_overhead_x"}`); v.sees("") }, false, nil},
		{"another life", func(v *view) { v.looks(look{begun: v.now, life: "later"}) }, true, nil},
		{"long after", func(v *view) {
			for range 100 {
				v.now = v.now.Add(20 * time.Second)
				v.misses()
			}
			v.sees(`"a":"1"`)
		}, false, []string{"1"}},
		{"nobody looked for too long", func(v *view) { v.now = v.now.Add(leastLife); v.misses() }, true, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := newView(t)
			v.misses()
			tail := v.f.tail()
			test.then(v)
			end := v.checkAfter(tail, test.gap, test.want...)
			v.checkAfter(end, false)
		})
	}
}

// A place that another gateway gave for the empty channel, by its own clock.
func TestFollowerKnowsTimesOfOthers(t *testing.T) {
	v := newView(t)
	begun := v.now
	v.sees(`"a":"1"`)
	at := func(d time.Duration) protocol.Cursor { return emptyCursor(begun.Add(d).UnixMilli(), "life") }
	v.checkAfter(at(-20*time.Second), false, "1") // all of a document is younger than it can be old
	v.checkAfter(at(900*time.Millisecond), false, "1")
	v.checkAfter(at(2*time.Second), false)
	if _, found := v.f.page(parsePlace(at(-leastLife)), 10); found {
		t.Error("a time from long before the first look is known")
	}
	v.checkAfter(emptyCursor(begun.UnixMilli(), "earlier"), true, "1")
}

func TestFollowerDropsLooksThatWereOvertaken(t *testing.T) {
	v := newView(t)
	v.sees(`"a":"1"`)
	slow := v.f.beginLook()
	older := itemLook(v.now, v.cas, `{"lastid":0,"messages":{"a":"1"}}`)
	v.sees(`"a":"1","b":"2"`)
	if ok, _, _ := v.f.see(slow, older, v.now); ok {
		t.Error("an older look was taken in after a newer one")
	}
	v.sees(`"a":"1","b":"2","c":"3"`)
	v.checkAfter(cursorFor("b", "2"), false, "3")
}

func TestFollowerRemembersWithinBounds(t *testing.T) {
	v := newView(t)
	v.f.remember = 3
	var members []string
	for i := range 10 {
		members = append(members, fmt.Sprintf(`"m%d":"%d"`, i, i))
		v.sees(strings.Join(members, ","))
	}
	v.checkAfter(cursorFor("m7", "7"), false, "8", "9")
	if _, found := v.f.page(parsePlace(cursorFor("m6", "6")), 10); found {
		t.Error("a place beyond the bound is still known")
	}
	if _, found := v.f.page(parsePlace(""), 10); found {
		t.Error("the record claims to hold the oldest message")
	}
	big := strings.Repeat("x", maxRemembered/2)
	v.f.remember = 1000
	v.sees(fmt.Sprintf(`"m9":"9","b1":"%s1","b2":"%s2","b3":"%s3"`, big, big, big))
	if got := len(v.f.record.seen); got != 1 || v.f.record.bytes > maxRemembered {
		t.Errorf("after large messages: got %d of %d bytes remembered, want 1", got, v.f.record.bytes)
	}
	if len(v.f.record.places) != 1 || len(v.f.record.ids) != 1 {
		t.Errorf("got %d places and %d ids, want 1", len(v.f.record.places), len(v.f.record.ids))
	}
}

func TestServedSavesALookOncePerNews(t *testing.T) {
	v := newView(t)
	v.sees(`"a":"1"`)
	start := place{kind: oldest}
	if _, ok := v.f.served(start, 10); !ok {
		t.Error("the first page after news was not served")
	}
	if _, ok := v.f.served(start, 10); ok {
		t.Error("a second short page was served without a look")
	}
	if _, ok := v.f.served(start, 1); !ok {
		t.Error("a full page was not served")
	}
	v.sees(`"a":"1","b":"2"`)
	v.f.hasAppended()
	if _, ok := v.f.served(start, 10); ok {
		t.Error("a page was served although an own message may not be seen yet")
	}
	v.sees(`"a":"1","b":"2","c":"3"`)
	if p, ok := v.f.served(start, 10); !ok || len(p.Messages) != 3 {
		t.Errorf("served %d messages, %v, want 3", len(p.Messages), ok)
	}
}
