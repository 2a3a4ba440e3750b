package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Report writes r for people.
func (r *Result) Report(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{what}, args...)...)
	}
	o := &r.Options
	row("subscribers × channels", "%d × %d", o.Subscribers, o.Channels)
	row("connecting took", "%v", r.ConnectTime.Round(time.Millisecond))
	if o.PID != 0 {
		row("server CPU a connect", "%.1f µs", perUnit(r.ConnectCPU, o.Subscribers))
		row("server memory a connection", "%d bytes", (r.MemoryLast-r.MemoryFirst)/int64(max(o.Subscribers, 1)))
	}
	if !o.Idle {
		row("published", "%d of %d bytes in %v (%.0f/s)", r.Published, o.Size, r.Elapsed.Round(time.Millisecond), float64(r.Published)/r.Elapsed.Seconds())
		row("delivered", "%d (%.0f/s), %d lost, %d doubled or out of order", r.Delivered, float64(r.Delivered)/r.Elapsed.Seconds(), r.Lost, r.Doubled)
		row("latency p50 p90 p99", "%v %v %v", round(r.Latency.Quantile(0.5)), round(r.Latency.Quantile(0.9)), round(r.Latency.Quantile(0.99)))
		if o.PID != 0 {
			row("server CPU a delivery", "%.2f µs", perUnit(r.CPU, r.Delivered))
		}
	}
	return t.Flush()
}

func perUnit(d time.Duration, n int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(max(n, 1))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
