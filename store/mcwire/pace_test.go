package mcwire

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := Pace{Min: 3 * time.Millisecond, Max: 40 * time.Millisecond}
	took := 50 * time.Microsecond
	if got := p.Next(took, true, false); got != p.Min {
		t.Errorf("after news: got %v, want %v", got, p.Min)
	}
	var total, wait time.Duration
	for total < 2*time.Second {
		wait = p.Next(took, false, false)
		if total += wait + took; total < activeFor && wait != p.Min {
			t.Fatalf("%v after news: got %v, want %v", total, wait, p.Min)
		}
	}
	if wait != p.Max {
		t.Errorf("in silence: got %v, want %v", wait, p.Max)
	}
	if got := p.Next(took, true, false); got != p.Min {
		t.Errorf("after news again: got %v, want %v", got, p.Min)
	}
	if got, want := p.Next(30*time.Millisecond, true, false), 60*time.Millisecond; got != want {
		t.Errorf("after a sweep of 30ms: got %v, want %v", got, want)
	}
	for i, ms := range []int{50, 100, 200, 400, 800, 1000, 1000} {
		if got := p.Next(took, false, true).Milliseconds(); got != int64(ms) {
			t.Errorf("after failure %d: got %v ms, want %v", i+1, got, ms)
		}
	}
	if got := p.Next(took, true, false); got != p.Min {
		t.Errorf("after recovery: got %v, want %v", got, p.Min)
	}
}
