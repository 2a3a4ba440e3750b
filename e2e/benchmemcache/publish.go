package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A rate is how fast so many publishers of one process publish on one channel.
type rate struct {
	publishers int
	messages   float64 // a second
	p50, p99   time.Duration
}

// publishBenchmarks are those of the log layout's own with one channel.
const publishBenchmarks = "^BenchmarkPublish$/^publishers=(1|8|32)$/^channels=1$"

// publish measures the log layout without gateway and PHP: how fast messages
// get into memcached.
func (b *bench) publish(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", publishBenchmarks, "-benchtime", "2s", "./store/memlog")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("publishing with the log layout: %w\n%s", err, out)
	}
	rates, err := readRates(string(out))
	for _, rate := range rates {
		b.out.rate(rate)
	}
	return err
}

// readRates reads what "go test -bench" prints: "BenchmarkPublish/publishers=8/channels=1-2",
// how many messages, and values each followed by its unit.
func readRates(out string) (rates []rate, err error) {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "BenchmarkPublish/") {
			continue
		}
		var r rate
		if _, err := fmt.Sscanf(fields[0], "BenchmarkPublish/publishers=%d/", &r.publishers); err != nil {
			return nil, fmt.Errorf("benchmark %q: %w", line, err)
		}
		values, err := benchmarkValues(fields[1:])
		if err != nil {
			return nil, fmt.Errorf("benchmark %q: %w", line, err)
		}
		r.messages = values["msg/s"]
		r.p50, r.p99 = microseconds(values["p50-us"]), microseconds(values["p99-us"])
		rates = append(rates, r)
	}
	if len(rates) == 0 {
		return nil, errors.New("the benchmarks of the log layout printed no rates")
	}
	return rates, nil
}

// benchmarkValues are the values by their units.
func benchmarkValues(fields []string) (map[string]float64, error) {
	values := make(map[string]float64)
	for pair := range slices.Chunk(fields[min(1, len(fields)):], 2) {
		if len(pair) < 2 {
			return nil, errors.New("a value without a unit")
		}
		n, err := strconv.ParseFloat(pair[0], 64)
		if err != nil {
			return nil, err
		}
		values[pair[1]] = n
	}
	return values, nil
}

func microseconds(n float64) time.Duration { return time.Duration(n * float64(time.Microsecond)) }
