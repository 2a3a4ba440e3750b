package shadow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

// A script is what came to both sides, line by line: the second, the side and
// the words that came, as in "1.5 old a b". In "0 begin" the old client has its
// place, "9 end" is the end; "new" words may have a cursor behind a colon.
type script string

// What text() and message() say of a word is the same.
func text(word string) string { return fmt.Sprintf(`{"type":"msg","msg":%q,"from":"php"}`, word) }

func message(word string, n int) *client.Message {
	word, cursor, ok := strings.Cut(word, ":")
	if !ok {
		cursor = "c" + strconv.Itoa(n)
	}
	return &client.Message{
		Cursor: protocol.Cursor(cursor), ID: "id" + strconv.Itoa(n), Type: "msg", From: "php", Payload: fmt.Appendf(nil, "%q", word),
	}
}

const testSettle = 5 * time.Second

// play has all of the script happen, and work done every half second until
// everything has settled or settle is over.
func play(t *testing.T, s script) Result {
	t.Helper()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &run{comparison: comparison{settle: testSettle}}
	worked, count := start, 0
	work := func(until time.Time) {
		for ; !worked.After(until); worked = worked.Add(workPace / 2) {
			r.comparison.work(worked)
		}
	}
	for line := range strings.Lines(string(s)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		seconds, err := strconv.ParseFloat(words[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		at := start.Add(time.Duration(seconds * float64(time.Second)))
		work(at)
		switch words[1] {
		case "begin":
			r.began = at
			r.comparison.begin(at.Add(-10*time.Millisecond), at)
		case "end":
			r.ended, r.comparison.until = at, at
		case "new":
			for _, w := range words[2:] {
				count++
				r.comparison.hearModern(message(w, count), at)
			}
		case "old":
			var texts []string
			for _, w := range words[2:] {
				texts = append(texts, text(w))
			}
			r.comparison.hearLegacy(texts, at)
		default:
			t.Fatalf("what is %q?", words[1])
		}
	}
	work(r.ended.Add(testSettle))
	return r.result()
}

// counts are what a Result counts, as "2 same, 1 only new".
func counts(r *Result) string {
	list := []string{fmt.Sprint(r.Same, " same")}
	for _, c := range []struct {
		n    int
		what string
	}{
		{r.OnlyLegacy, "only old"}, {r.OnlyModern, "only new"}, {r.Moved, "moved"},
		{r.AgainLegacy, "again old"}, {r.AgainModern, "again new"},
	} {
		if c.n > 0 {
			list = append(list, fmt.Sprint(c.n, " ", c.what))
		}
	}
	for _, d := range r.Differences {
		list = append(list, d.Kind+" "+string(d.Message.Payload))
	}
	return strings.Join(list, ", ")
}

func TestComparison(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script script
		want   string
	}{
		{"nothing", `
			0 begin
			9 end`, "0 same"},
		{"the same", `
			0 begin
			1 new a
			1.4 old a
			2 new b c
			2.4 old b c
			9 end`, "3 same"},
		{"the new side is later", `
			0 begin
			1 old a b
			2 new a b
			9 end`, "2 same"},
		{"on its way at the begin", `
			-1 new x
			0 begin
			0.1 new y a
			0.5 old a
			6 new b
			6.4 old b
			9 end`, "2 same"},
		{"on its way at the begin, and nothing after that", `
			0 begin
			0.1 new y
			9 end`, "0 same"},
		{"on its way at the end", `
			0 begin
			6 new a
			6.4 old a
			8.9 new b
			9 end
			9.1 new c
			9.4 old b`, "2 same"},
		{"on its way to the new side at the end", `
			0 begin
			6 new a
			6.4 old a
			9 end
			9.1 old b`, "1 same"},
		{"the old side loses one", `
			0 begin
			6 new a b c
			6.4 old a c
			7 new d
			7.4 old d
			9 end`, `3 same, 1 only new, only_new "b"`},
		{"the old side loses the last one", `
			0 begin
			6 new a b
			6.4 old a
			9 end`, `1 same, 1 only new, only_new "b"`},
		{"the old side loses the first one, long after the begin", `
			0 begin
			6 new a b
			6.4 old b
			9 end`, `1 same, 1 only new, only_new "a"`},
		{"the old side loses all", `
			0 begin
			1 new x
			6 new a b
			9 end`, `0 same, 2 only new, only_new "a", only_new "b"`},
		{"the new side loses one", `
			0 begin
			6 new a c
			6.4 old a b c
			9 end`, `2 same, 1 only old, only_legacy "b"`},
		{"the new side loses the last one", `
			0 begin
			6 new a
			6.4 old a b
			9 end`, `1 same, 1 only old, only_legacy "b"`},
		{"the new side loses all", `
			0 begin
			6.4 old a b
			9 end`, `0 same, 2 only old, only_legacy "a", only_legacy "b"`},
		{"each side loses another one", `
			0 begin
			6 new a b d
			6.4 old a c d
			9 end`, `2 same, 1 only old, 1 only new, only_new "b", only_legacy "c"`},
		{"another order", `
			0 begin
			6 new a b c d
			6.4 old a c b d
			9 end`, `3 same, 1 moved, out_of_order "c"`},
		{"twice to the old client", `
			0 begin
			6 new a b c
			6.4 old a a b c
			9 end`, `3 same, 1 again old`},
		{"twice to the new client", `
			0 begin
			6 new a:1 a:1 b:2
			6.4 old a b
			9 end`, `2 same, 1 again new`},
		{"the same text twice is two messages", `
			0 begin
			6 new a a b a
			6.4 old a a b a
			9 end`, `4 same`},
		{"the same text twice, and one is lost", `
			0 begin
			6 new a b a c
			6.4 old a b c
			9 end`, `3 same, 1 only new, only_new "a"`},
		{"nothing but the same text", `
			0 begin
			1 new a
			1.4 old a
			6 new a a
			6.4 old a a
			9 end`, `3 same`},
		{"nothing but the same text, one on its way at the begin", `
			0 begin
			0.1 new a
			1 new a
			1.4 old a
			6 new a a
			6.4 old a a
			9 end`, `3 same`},
		{"nothing but the same text, and one is lost long after the begin", `
			0 begin
			5.5 new a
			5.9 old a
			6 new a a
			6.4 old a
			9 end`, `2 same, 1 only new, only_new "a"`},
		{"repeated texts, two of them on their way at the begin", `
			0 begin
			0.1 new t x t b
			0.5 old t b
			6 new t x t b
			6.4 old t x t b
			9 end`, `6 same`},
		{"a loss within the begin", `
			0 begin
			0.1 new a b c
			0.5 old a c
			6 new d
			6.4 old d
			9 end`, `3 same, 1 only new, only_new "b"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := play(t, tt.script)
			if got := counts(&r); got != tt.want {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFault(t *testing.T) {
	for _, tt := range []struct {
		name   string
		result Result
		want   string
	}{
		{"none", Result{Same: 1, Gaps: 2, FailedPolls: 3}, ""},
		{"nothing came", Result{}, "shadow: no message came to both, so that nothing is shown"},
		{"two", Result{Same: 1, OnlyModern: 2, Moved: 1}, "shadow: different: of the messages, 2 came to the new client alone, 1 came in another order"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := tt.result.Fault(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A thousand messages a second, with batches of the old side behind them, and
// one in two hundred lost there.
func TestComparisonOfMany(t *testing.T) {
	r := &run{comparison: comparison{settle: testSettle}}
	c := &r.comparison
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.began = now
	c.begin(now, now)
	var texts []string
	const all = 6_000
	for n := range all {
		now = now.Add(time.Millisecond)
		word := strconv.Itoa(n)
		c.hearModern(message(word, n), now)
		if n%200 != 199 {
			texts = append(texts, text(word))
		}
		if n%500 == 250 {
			c.hearLegacy(texts, now)
			texts = nil
		}
	}
	c.hearLegacy(texts, now)
	r.ended, c.until = now, now
	if waiting := len(c.modern) + len(c.legacy); waiting > 1 {
		t.Errorf("%d messages wait in the end, want the last one at most", waiting)
	}
	res := r.result()
	if res.Same != all-all/200 || res.OnlyModern != all/200 || len(res.Differences) != min(all/200, maxDifferences) {
		t.Errorf("got %d same, %d only new, %d told, want %d, %d and %d",
			res.Same, res.OnlyModern, len(res.Differences), all-all/200, all/200, min(all/200, maxDifferences))
	}
	if res.P50 < 200*time.Millisecond || res.P50 > 300*time.Millisecond || res.P99 < 480*time.Millisecond || res.P99 > 500*time.Millisecond {
		t.Errorf("gains: got %v and %v, want about 250 and 495 ms", res.P50, res.P99)
	}
}

// What nothing pairs is bounded.
func TestWaitingIsBounded(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	later := begin.Add(time.Hour)
	for _, tt := range []struct {
		name                   string
		modern, legacy         int
		wantModern, wantLegacy int // that wait
		aligned                bool
	}{
		{"one side", maxWaiting + 10, 0, maxWaiting, 0, true},
		{"one side, from the begin on", maxWaiting + 10, 0, maxWaiting, 0, false},
		{"both sides, with nothing in common", atOnce, atOnce, atOnce / 2, atOnce / 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &comparison{settle: testSettle, aligned: tt.aligned}
			c.begin(begin, begin)
			c.modern = slices.Repeat([]arrival{modernArrival(message("x", 1), later)}, tt.modern)
			c.legacy = slices.Repeat([]arrival{legacyArrival(text("y"), later)}, tt.legacy)
			c.work(later)
			if len(c.modern) != tt.wantModern || len(c.legacy) != tt.wantLegacy {
				t.Errorf("waiting: got %d and %d, want %d and %d", len(c.modern), len(c.legacy), tt.wantModern, tt.wantLegacy)
			}
			if left := tt.modern - tt.wantModern; c.aloneModern.count != left {
				t.Errorf("alone: got %d, want %d", c.aloneModern.count, left)
			}
		})
	}
}

func TestAlign(t *testing.T) {
	for _, tt := range []struct {
		name, modern, legacy string
		free                 int
		want                 []pair
	}{
		{"equal", "abc", "abc", 0, []pair{{0, 0}, {1, 1}, {2, 2}}},
		{"nothing in common", "ab", "cd", 0, []pair{}},
		{"empty", "", "a", 0, []pair{}},
		{"one missing", "abc", "ac", 0, []pair{{0, 0}, {2, 1}}},
		{"one more", "ac", "abc", 0, []pair{{0, 0}, {1, 2}}},
		{"free at the begin", "txtb", "tb", 2, []pair{{2, 0}, {3, 1}}},
		{"the end is not free", "aab", "ab", 0, []pair{{1, 0}, {2, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			equal := func(i, j int) bool { return tt.modern[i] == tt.legacy[j] }
			got := align(len(tt.modern), len(tt.legacy), equal, costs{missing, missing, tt.free})
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(pair{})); diff != "" {
				t.Errorf("pairs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestQuantiles(t *testing.T) {
	var g gains
	if p50, p99 := g.quantiles(); p50 != 0 || p99 != 0 {
		t.Errorf("of none: got %v, %v, want 0", p50, p99)
	}
	for n := range 2 * maxGains {
		g.add(time.Duration(n) - maxGains/2) // some are negative
	}
	if len(g.kept) != maxGains {
		t.Errorf("got %d kept, want %d", len(g.kept), maxGains)
	}
	if p50, _ := g.quantiles(); p50 < maxGains*40/100 || p50 > maxGains*60/100 {
		t.Errorf("p50 of a sample: got %d, want about %d", p50, maxGains/2)
	}
}
