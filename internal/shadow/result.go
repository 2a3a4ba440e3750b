package shadow

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Result is what both sides have in common, and what not.
type Result struct {
	Channel string
	Elapsed time.Duration // from the begin to the end

	Same     int           // messages that came to both
	P50, P99 time.Duration // how much sooner they came to the new client: the one in the middle, and one in a hundred

	OnlyLegacy  int // messages that came to the old client alone
	OnlyModern  int // and to the new one alone
	Moved       int // came to both, in another order
	AgainLegacy int // came to the old client once more than to the new one
	AgainModern int // came to the new client twice

	Gaps        int   // the gateway told the new client that messages may be missing
	FailedPolls int   // of the old client's, but for the first
	PollError   error // of the last of them

	Differences []Difference // the first of them
}

// The kinds of a Difference.
const (
	OnlyLegacy = "only_legacy"
	OnlyModern = "only_new"
	Moved      = "out_of_order"
)

// A Difference is a message about which the sides differ.
type Difference struct {
	Kind    string
	Message Message
}

// maxDifferences is how many a Result has.
const maxDifferences = 20

// Fault tells in one line what is different, nil where nothing is. That nothing
// has come is a fault, too: it shows nothing.
func (r *Result) Fault() error {
	var faults []string
	for _, f := range []struct {
		count int
		what  string
	}{
		{r.OnlyLegacy, "came to the old client alone"},
		{r.OnlyModern, "came to the new client alone"},
		{r.Moved, "came in another order"},
		{r.AgainLegacy, "came once more to the old client"},
		{r.AgainModern, "came twice to the new client"},
	} {
		if f.count > 0 {
			faults = append(faults, fmt.Sprintf("%d %s", f.count, f.what))
		}
	}
	switch {
	case len(faults) > 0:
		return fmt.Errorf("shadow: different: of the messages, %s", strings.Join(faults, ", "))
	case r.Same == 0:
		return fmt.Errorf("shadow: no message came to both, so that nothing is shown")
	}
	return nil
}

// result is what came out of it.
func (r *run) result() Result {
	c := &r.comparison
	c.finish()
	res := Result{
		Channel: r.opts.Channel, Elapsed: r.ended.Sub(r.began),
		Same: c.same, AgainLegacy: c.againLegacy, AgainModern: c.againModern,
		Gaps: c.gaps, FailedPolls: r.failedPolls, PollError: r.pollError,
	}
	res.P50, res.P99 = c.gains.quantiles()
	modern, legacy, moved := apart(c.aloneModern.kept, c.aloneLegacy.kept)
	res.Moved = len(moved)
	res.OnlyModern, res.OnlyLegacy = c.aloneModern.count-len(moved), c.aloneLegacy.count-len(moved)
	for _, some := range []struct {
		kind string
		of   []arrival
	}{{OnlyModern, modern}, {OnlyLegacy, legacy}, {Moved, moved}} {
		for _, a := range some.of {
			res.Differences = append(res.Differences, Difference{some.kind, a.Message})
		}
	}
	slices.SortStableFunc(res.Differences, func(a, b Difference) int { return a.Message.At.Compare(b.Message.At) })
	res.Differences = res.Differences[:min(len(res.Differences), maxDifferences)]
	return res
}

// apart tells of the messages that were left on each side which came to that
// side alone, and which came to both, in another order.
func apart(modern, legacy []arrival) (onlyModern, onlyLegacy, moved []arrival) {
	left := make(map[content][]int) // places in modern
	for i := range modern {
		c := modern[i].readings[0].content
		left[c] = append(left[c], i)
	}
	paired := make(map[int]bool)
	for _, l := range legacy {
		i, ok := take(left, modern, &l)
		if !ok {
			onlyLegacy = append(onlyLegacy, l)
			continue
		}
		paired[i] = true
		moved = append(moved, modern[i])
	}
	for i, m := range modern {
		if !paired[i] {
			onlyModern = append(onlyModern, m)
		}
	}
	return onlyModern, onlyLegacy, moved
}

// take takes a message that is the same as l out of left.
func take(left map[content][]int, modern []arrival, l *arrival) (int, bool) {
	for _, r := range l.readings {
		for at, i := range left[r.content] {
			if same(&modern[i], l) {
				left[r.content] = slices.Delete(left[r.content], at, at+1)
				return i, true
			}
		}
	}
	return 0, false
}
