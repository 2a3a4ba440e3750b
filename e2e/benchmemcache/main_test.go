package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuantile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	tests := map[string]struct {
		times []time.Duration
		q     float64
		want  time.Duration
	}{
		"of nothing":       {nil, 0.5, 0},
		"of one":           {[]time.Duration{7}, 0.99, 7},
		"the half":         {hundred, 0.5, 50},
		"all but one":      {hundred, 0.99, 99},
		"the greatest":     {hundred, 1, 100},
		"between two":      {[]time.Duration{1, 2}, 0.5, 1},
		"the least of all": {hundred, 0, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (&row{times: tt.times}).quantile(tt.q); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// A reader counts each message once, and misses what did not come.
func TestReaders(t *testing.T) {
	r := newReaders(2)
	sent := func(number int, ago time.Duration) string {
		return fmt.Sprintf("%d %.6f", number, float64(time.Now().Add(-ago).UnixMicro())/1e6)
	}
	r.take(sent(0, time.Second))   // to warm up
	r.take(sent(4, 3*time.Second)) // of six
	r.take(sent(4, 9*time.Second)) // again
	r.take(sent(2, time.Second))
	r.take("something that was said before 5")
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no more will come
	times, lost := r.times(ctx, 6)
	if lost != 2 || len(times) != 2 {
		t.Fatalf("got %v and %d lost, want two times and 2 lost", times, lost)
	}
	for i, want := range []time.Duration{time.Second, 3 * time.Second} {
		if late := times[i] - want; late < -time.Millisecond || late > time.Minute {
			t.Errorf("time %d: got %v, want about %v", i, times[i], want)
		}
	}
}

func TestCost(t *testing.T) {
	begin := time.Unix(1000, 0)
	before := usage{at: begin, gateway: time.Second, memcached: 2 * time.Second, gets: 100}
	after := usage{at: begin.Add(4 * time.Second), gateway: 2 * time.Second, memcached: 2*time.Second + 400*time.Millisecond, gets: 300}
	want := cost{gateway: 0.25, memcached: 0.1, gets: 50}
	if diff := cmp.Diff(want, after.since(before), cmp.AllowUnexported(cost{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
