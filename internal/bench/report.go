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
	row("subscribers × channels", "%d × %d, %d each, %s", o.Subscribers, o.Channels, o.Each, o.Transport)
	row("connecting took", "%v; one: p50 %v, p99 %v", r.ConnectTime.Round(time.Millisecond),
		round(r.ConnectLatency.Quantile(0.5)), round(r.ConnectLatency.Quantile(0.99)))
	if len(o.PIDs) > 0 {
		row("server CPU a connect", "%.1f µs", r.ConnectCPUEach())
		row("server memory a connection", "%d bytes", r.MemoryPerConnection())
		if n := r.KernelEach().Total(); n > 0 {
			row("kernel memory a connection", "%d bytes, both ends where both are here", n)
		}
	}
	if !o.Idle {
		r.reportMessages(row)
	}
	return t.Flush()
}

func (r *Result) reportMessages(row func(what, format string, args ...any)) {
	o, seconds := &r.Options, r.Elapsed.Seconds()
	row("published", "%d of %d bytes in %v (%.0f/s) by %d; %v late at most", r.Published, o.Size, r.Elapsed.Round(time.Millisecond),
		float64(r.Published)/seconds, o.Publishers, round(r.Behind))
	row("delivered", "%d (%.0f/s), %d lost, %d doubled, %d out of order", r.Delivered, float64(r.Delivered)/seconds, r.Lost, r.Doubled, r.Disordered)
	if r.Gaps > 0 || r.Cut > 0 {
		row("told of gaps, cut off", "%d, %d", r.Gaps, r.Cut)
	}
	row("latency p50 p90 p99 max", "%v %v %v %v", round(r.Latency.Quantile(0.5)), round(r.Latency.Quantile(0.9)),
		round(r.Latency.Quantile(0.99)), round(r.Latency.Quantile(1)))
	if len(o.PIDs) > 0 {
		row("server CPU a delivery", "%.2f µs, %.0f %% of a core", r.DeliveryCPU(), 100*r.CPU.Seconds()/seconds)
	}
	if r.GeneratorCPU > 0 {
		row("generator CPU a delivery", "%.2f µs, %.0f %% of a core", r.GeneratorCPUEach(), 100*r.GeneratorCPU.Seconds()/seconds)
	}
}

// A summary is a Result in plain numbers, for programs. What was not measured
// is left out.
type summary struct {
	Transport          string  `json:"transport"`
	Subscribers        int     `json:"subscribers"`
	Channels           int     `json:"channels"`
	ChannelsEach       int     `json:"channels_each"`
	Publishers         int     `json:"publishers"`
	Size               int     `json:"size_bytes"`
	Rate               int     `json:"rate_per_second"`
	Published          int     `json:"published"`
	Delivered          int     `json:"delivered"`
	Lost               int     `json:"lost"`
	Doubled            int     `json:"doubled"`
	Disordered         int     `json:"out_of_order"`
	Differing          int     `json:"order_of_their_own"`
	Gaps               int     `json:"gaps"`
	Cut                int     `json:"cut_off"`
	Seconds            float64 `json:"seconds"`
	Behind             float64 `json:"publisher_late_max_ms"`
	ConnectSeconds     float64 `json:"connect_seconds"`
	ConnectP50         float64 `json:"connect_p50_ms"`
	ConnectP99         float64 `json:"connect_p99_ms"`
	P50                float64 `json:"latency_p50_ms"`
	P90                float64 `json:"latency_p90_ms"`
	P99                float64 `json:"latency_p99_ms"`
	Max                float64 `json:"latency_max_ms"`
	DeliveryCPU        float64 `json:"server_cpu_per_delivery_us,omitempty"`
	ConnectCPU         float64 `json:"server_cpu_per_connect_us,omitempty"`
	GeneratorCPU       float64 `json:"generator_cpu_per_delivery_us,omitempty"`
	Resident           int64   `json:"server_resident_bytes,omitempty"`
	Proportional       int64   `json:"server_proportional_bytes,omitempty"`
	PerConnection      int64   `json:"server_memory_per_connection_bytes,omitempty"`
	KernelEach         int64   `json:"kernel_memory_per_connection_bytes,omitempty"`
	ResidentBefore     int64   `json:"server_resident_bytes_before,omitempty"`
	ProportionalBefore int64   `json:"server_proportional_bytes_before,omitempty"`
}

func (r *Result) summary() summary {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	o := &r.Options
	return summary{
		Transport: o.Transport, Subscribers: o.Subscribers, Channels: o.Channels, ChannelsEach: o.Each,
		Publishers: o.Publishers, Size: o.Size, Rate: o.Rate,
		Published: r.Published, Delivered: r.Delivered, Lost: r.Lost, Doubled: r.Doubled, Disordered: r.Disordered,
		Differing: r.Differing, Gaps: r.Gaps, Cut: r.Cut,
		Seconds: r.Elapsed.Seconds(), Behind: ms(r.Behind), ConnectSeconds: r.ConnectTime.Seconds(),
		ConnectP50: ms(r.ConnectLatency.Quantile(0.5)), ConnectP99: ms(r.ConnectLatency.Quantile(0.99)),
		P50: ms(r.Latency.Quantile(0.5)), P90: ms(r.Latency.Quantile(0.9)), P99: ms(r.Latency.Quantile(0.99)), Max: ms(r.Latency.Quantile(1)),
		DeliveryCPU: r.DeliveryCPU(), ConnectCPU: r.ConnectCPUEach(), GeneratorCPU: r.GeneratorCPUEach(),
		Resident: r.Connected.Resident, Proportional: r.Connected.Proportional,
		ResidentBefore: r.Before.Resident, ProportionalBefore: r.Before.Proportional,
		PerConnection: r.MemoryPerConnection(), KernelEach: r.KernelEach().Total(),
	}
}

// DeliveryCPU is what a delivery cost the server, in µs of CPU.
func (r *Result) DeliveryCPU() float64 { return perUnit(r.CPU, r.Delivered) }

// GeneratorCPUEach is what a delivery cost this process, in µs of CPU.
func (r *Result) GeneratorCPUEach() float64 { return perUnit(r.GeneratorCPU, r.Delivered) }

// ConnectCPUEach is what a connection cost the server until it was at rest, in
// µs of CPU.
func (r *Result) ConnectCPUEach() float64 { return perUnit(r.ConnectCPU, r.Options.Subscribers) }

// MemoryPerConnection is what a connection at rest costs the server, in bytes.
func (r *Result) MemoryPerConnection() int64 {
	return (r.Connected.InUse() - r.Before.InUse()) / int64(r.Options.Subscribers)
}

// KernelEach is what the kernel holds for a connection at rest, both ends
// where both are here, in bytes.
func (r *Result) KernelEach() Kernel {
	n := int64(r.Options.Subscribers)
	before, with := r.Before.Kernel, r.Connected.Kernel
	each := Kernel{Buffers: (with.Buffers - before.Buffers) / n, Objects: make(map[string]int64, len(with.Objects))}
	for name, bytes := range with.Objects {
		each.Objects[name] = (bytes - before.Objects[name]) / n
	}
	return each
}

func perUnit(d time.Duration, n int) float64 {
	return float64(d) / float64(time.Microsecond) / float64(max(n, 1))
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
