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
	before := usage{at: begin, gateway: time.Second, memcached: 2 * time.Second, readers: time.Minute, gets: 100}
	after := usage{at: begin.Add(4 * time.Second), gateway: 2 * time.Second, memcached: 2*time.Second + 400*time.Millisecond, readers: time.Minute + time.Second, gets: 300}
	want := cost{gateway: 0.25, memcached: 0.1, gets: 50, readers: time.Second}
	if diff := cmp.Diff(want, after.since(before), cmp.AllowUnexported(cost{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadRates(t *testing.T) {
	got, err := readRates(`goos: linux
pkg: github.com/commchannel/gateway/store/memlog
BenchmarkPublish/publishers=1/channels=1         	   17088	     65034 ns/op	     15377 msg/s	        48.00 p50-us	       240.0 p99-us	    2096 B/op	      35 allocs/op
BenchmarkPublish/publishers=8/channels=1-2       	  115560	     21064 ns/op	     47474 msg/s	       120.5 p50-us	      1104 p99-us
PASS
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []rate{
		{publishers: 1, messages: 15377, p50: 48 * time.Microsecond, p99: 240 * time.Microsecond},
		{publishers: 8, messages: 47474, p50: 120500 * time.Nanosecond, p99: 1104 * time.Microsecond},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(rate{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadRatesRefuses(t *testing.T) {
	for name, out := range map[string]string{
		"no benchmarks":  "PASS\n",
		"no publishers":  "BenchmarkPublish/channels=1 10 5 ns/op\n",
		"no number":      "BenchmarkPublish/publishers=8/channels=1 10 many ns/op\n",
		"a missing unit": "BenchmarkPublish/publishers=8/channels=1 10 5\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := readRates(out); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}
