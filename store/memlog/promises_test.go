package memlog

import (
	"slices"
	"testing"
	"time"
)

// seenTexts are those that a reader saw, in their order.
func seenTexts(seen []sight) (texts []string) {
	for _, s := range seen {
		if !s.gap {
			texts = append(texts, s.text)
		}
	}
	return texts
}

// checkComplete: every reader saw all that was acknowledged, once, in one order.
func (c *checker) checkComplete(t *testing.T, seen [][]sight) {
	t.Helper()
	first := seenTexts(seen[0])
	for i := range seen {
		if got := seenTexts(seen[i]); !slices.Equal(got, first) {
			t.Errorf("reader %d saw %d messages in another order than reader 0, who saw %d", i, len(got), len(first))
		}
	}
	count := make(map[string]int)
	for _, text := range first {
		count[text]++
	}
	for text := range c.acked {
		if count[text] != 1 {
			t.Errorf("%.10q was seen %d times, want 1", text, count[text])
		}
	}
	if len(count) != len(c.acked) {
		t.Errorf("got %d messages, want %d", len(count), len(c.acked))
	}
	c.checkRealTime(t, first)
}

// checkRealTime: what was acknowledged before another's sending began is in
// front of it.
func (c *checker) checkRealTime(t *testing.T, texts []string) {
	t.Helper()
	earliest := time.Now()
	for _, text := range slices.Backward(texts) {
		a, ok := c.acked[text]
		if !ok {
			continue
		}
		if earliest.Before(a.begun) {
			t.Errorf("%.10q stands in front of one that was acknowledged before it was sent", text)
		}
		if a.got.Before(earliest) {
			earliest = a.got
		}
	}
}

// checkHoles: what a reader did not see is behind a gap; what it saw is in
// order; and a place has one text for all.
func (c *checker) checkHoles(t *testing.T, seen [][]sight) (missed, gaps, twice int) {
	t.Helper()
	at := make(map[place]string)
	for i, sights := range seen {
		places := make(map[string]place)
		for _, s := range sights {
			if s.gap {
				gaps++
				continue
			}
			if was, ok := at[s.place]; ok && was != s.text {
				t.Errorf("reader %d: %v holds %.10q, another saw %.10q", i, s.place, s.text, was)
			}
			at[s.place] = s.text
			if was, ok := places[s.text]; ok {
				twice++
				if was.epoch == s.place.epoch {
					t.Errorf("reader %d saw %.10q at %v and at %v", i, s.text, was, s.place)
				}
			}
			places[s.text] = s.place
		}
		c.checkOrder(t, i, sights)
		for text, a := range c.acked {
			if _, ok := places[text]; !ok {
				missed++
				if !toldOfGap(sights, a.place) {
					t.Errorf("reader %d did not see %.10q at %v, and was not told of a gap", i, text, a.place)
				}
			}
		}
	}
	return missed, gaps, twice
}

// checkOrder: numbers rise, and an epoch that has ended does not come back.
func (c *checker) checkOrder(t *testing.T, reader int, sights []sight) {
	t.Helper()
	ended := make(map[uint32]bool)
	var last place
	gap := true
	for _, s := range sights {
		switch {
		case s.gap:
		case s.place.epoch == last.epoch && s.place.n <= last.n:
			t.Errorf("reader %d saw %v behind %v", reader, s.place, last)
		case s.place.epoch != last.epoch && (!gap || ended[s.place.epoch]):
			t.Errorf("reader %d came from %v to %v: gap %v, epoch ended before %v", reader, last, s.place, gap, ended[s.place.epoch])
		}
		if gap = s.gap; !gap {
			if s.place.epoch != last.epoch {
				ended[last.epoch] = true
			}
			last = s.place
		}
	}
}

// toldOfGap: is there a gap where p should have been seen?
func toldOfGap(sights []sight, p place) bool {
	before, after := 0, len(sights)
	known := false
	for i, s := range sights {
		if s.gap || s.place.epoch != p.epoch {
			continue
		}
		if s.place.n < p.n {
			before, known = i, true
		} else {
			after = min(after, i)
		}
	}
	if !known && after == len(sights) { // nothing of this epoch was seen
		return slices.ContainsFunc(sights, func(s sight) bool { return s.gap })
	}
	return slices.ContainsFunc(sights[before:after], func(s sight) bool { return s.gap })
}
