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
		row("server memory a connection", "%d bytes", r.memoryPerConnection())
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

// A summary is a Result in plain numbers, for programs.
type summary struct {
	Subscribers      int     `json:"subscribers"`
	Channels         int     `json:"channels"`
	Size             int     `json:"size_bytes"`
	Rate             int     `json:"rate_per_second"`
	Published        int     `json:"published"`
	Delivered        int     `json:"delivered"`
	Lost             int     `json:"lost"`
	Doubled          int     `json:"doubled_or_out_of_order"`
	Seconds          float64 `json:"seconds"`
	ConnectSeconds   float64 `json:"connect_seconds"`
	P50              float64 `json:"latency_p50_ms"`
	P90              float64 `json:"latency_p90_ms"`
	P99              float64 `json:"latency_p99_ms"`
	DeliveryCPU      float64 `json:"server_cpu_per_delivery_us"`
	ConnectCPU       float64 `json:"server_cpu_per_connect_us"`
	ConnectionMemory int64   `json:"server_memory_per_connection_bytes"`
}

func (r *Result) summary() summary {
	ms := func(q float64) float64 { return float64(r.Latency.Quantile(q)) / float64(time.Millisecond) }
	return summary{
		Subscribers: r.Options.Subscribers, Channels: r.Options.Channels, Size: r.Options.Size, Rate: r.Options.Rate,
		Published: r.Published, Delivered: r.Delivered, Lost: r.Lost, Doubled: r.Doubled,
		Seconds: r.Elapsed.Seconds(), ConnectSeconds: r.ConnectTime.Seconds(),
		P50: ms(0.5), P90: ms(0.9), P99: ms(0.99),
		DeliveryCPU:      perUnit(r.CPU, r.Delivered),
		ConnectCPU:       perUnit(r.ConnectCPU, r.Options.Subscribers),
		ConnectionMemory: r.memoryPerConnection(),
	}
}

func (r *Result) memoryPerConnection() int64 {
	return (r.MemoryLast - r.MemoryFirst) / int64(max(r.Options.Subscribers, 1))
}

func perUnit(d time.Duration, n int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(max(n, 1))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
