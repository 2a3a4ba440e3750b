package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// A writing is how writer.php fared.
type writing struct {
	behind time.Duration // its pace, at most
	cpu    time.Duration // of its sending: not of its start, nor of connecting
}

// write runs writer.php to its end.
func (b *bench) write(ctx context.Context, layout, memcached string, channels int) (writing, error) {
	return writePHP(ctx, layout, memcached, channels, b.count(), b.rate)
}

func writePHP(ctx context.Context, layout, memcached string, channels, count, rate int) (writing, error) {
	cmd := exec.CommandContext(ctx, "php", "e2e/benchmemcache/writer.php",
		layout, memcached, strconv.Itoa(channels), strconv.Itoa(count), strconv.Itoa(rate))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return writing{}, fmt.Errorf("writer.php: %w\n%s", err, out)
	}
	var behind, cpu float64 // milliseconds
	if _, err := fmt.Sscan(string(out), &behind, &cpu); err != nil {
		return writing{}, fmt.Errorf("writer.php printed %q: %w", out, err)
	}
	return writing{milliseconds(behind), milliseconds(cpu)}, nil
}

func milliseconds(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
