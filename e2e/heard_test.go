package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A record is what talk.js has written down.
type record struct {
	Began  float64
	States []struct {
		State, Transport string
		At               float64
	}
	Heard []struct {
		Text string
		Gap  bool
		At   float64
	}
	Said []struct {
		Text      string
		At, Acked float64
		Failed    string
	}
	Errors []string
}

func lastSure(t *testing.T, said []saying) string {
	t.Helper()
	for i := len(said) - 1; i >= 0; i-- {
		if said[i].sure {
			return said[i].text
		}
	}
	t.Fatal("nothing was acknowledged")
	return ""
}

// runs are the texts that were heard, parted where a gap was told.
func (r *record) runs() [][]string {
	runs := [][]string{nil}
	for _, h := range r.Heard {
		runs = extend(runs, h.Text, h.Gap)
	}
	return runs
}

// runs are the same of a peer's inbox.
func (b *inbox) runs() [][]string {
	runs := [][]string{nil}
	for _, f := range b.all() {
		gap := f.Op == "gap" || f.Recovered != nil && !*f.Recovered
		if gap || f.Op == "message" && strings.HasPrefix(f.text(), "page ") {
			runs = extend(runs, f.text(), gap)
		}
	}
	return runs
}

func extend(runs [][]string, text string, gap bool) [][]string {
	if gap {
		return append(runs, nil)
	}
	last := len(runs) - 1
	runs[last] = append(runs[last], text)
	return runs
}

// sayings are what the page has sent. A message that was not acknowledged in
// the end may have arrived or not, and this was told.
func (r *record) sayings(t *testing.T) []saying {
	t.Helper()
	var said []saying
	for _, s := range r.Said {
		if s.Failed != "" && s.Failed != "unconfirmed" {
			t.Errorf("%q was given up: %s", s.Text, s.Failed)
		}
		said = append(said, saying{text: s.Text, at: clock(s.At), sure: s.Acked > 0})
	}
	return said
}

// wantHeard wants every run to have messages in the order in which they were
// said, once, and none that is sure to be missing but between two runs. Of what
// is not sure, the sender was told that it may arrive or not, if late.
func wantHeard(t *testing.T, who string, runs [][]string, said []saying, gapsAllowed bool) {
	t.Helper()
	if len(runs) > 1 && !gapsAllowed {
		t.Errorf("%s was told of %d gaps", who, len(runs)-1)
	}
	place := make(map[string]int)
	for i, s := range said {
		place[s.text] = i
	}
	at := -1 // of what was heard last; what comes before the first is missing, too
	for i, run := range runs {
		wantOnce(t, who, run)
		for j, text := range run {
			next, known := place[text]
			switch {
			case !known:
				t.Errorf("%s heard %q, which nobody said", who, text)
				continue
			case i > 0 && j == 0: // anything may be missing before
			case next <= at && !said[next].sure:
				continue
			case next <= at:
				t.Errorf("%s heard %q behind %q", who, text, said[at].text)
			default:
				wantNoneSure(t, who, said[at+1:next])
			}
			at = next
		}
	}
	wantNoneSure(t, who, said[at+1:])
}

func wantOnce(t *testing.T, who string, texts []string) {
	t.Helper()
	heard := make(map[string]bool)
	for _, text := range texts {
		if heard[text] {
			t.Errorf("%s heard %q twice", who, text)
		}
		heard[text] = true
	}
}

func wantNoneSure(t *testing.T, who string, missing []saying) {
	t.Helper()
	for _, s := range missing {
		if s.sure {
			t.Errorf("%s did not hear %q, nor of a gap there", who, s.text)
		}
	}
}

// logTimes tells how long the page was without what it should have had: the
// message that was late the most is as late as the recovery took.
func (r *record) logTimes(t *testing.T, said []saying) {
	t.Helper()
	began := clock(r.Began)
	var states strings.Builder
	for _, s := range r.States {
		fmt.Fprintf(&states, " %s %.1fs,", strings.TrimSpace(s.State+" "+s.Transport), clock(s.At).Sub(began).Seconds())
	}
	sent := make(map[string]time.Time)
	for _, s := range said {
		sent[s.text] = s.at
	}
	var hearing, sending time.Duration
	lost := 0
	for _, h := range r.Heard {
		if at, known := sent[h.Text]; known {
			// What was said before the page was there could not come sooner.
			due := slices.MaxFunc([]time.Time{at, began}, time.Time.Compare)
			hearing = max(hearing, clock(h.At).Sub(due))
		}
	}
	for _, s := range r.Said {
		if s.Acked == 0 {
			lost++
			continue
		}
		sending = max(sending, clock(s.Acked).Sub(clock(s.At)))
	}
	t.Logf("the slowest of %d messages took %v to the page, the slowest of %d took %v from it until it was acknowledged, %d were not; the page was%s",
		len(r.Heard), hearing.Round(time.Millisecond), len(r.Said), sending.Round(time.Millisecond), lost, states.String())
}

// clock is a time as pages have it.
func clock(ms float64) time.Time { return time.UnixMicro(int64(ms * 1e3)) }
