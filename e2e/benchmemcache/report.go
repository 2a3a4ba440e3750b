package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is what was measured of a mode at a number of channels.
type row struct {
	name     string
	channels int
	times    []time.Duration // least first, but for the seed's
	lost     int
	sent     int // by PHP: more than come to be measured
	wrote    writing
	cost     cost
}

// each is a message's share of what all that were sent have cost.
func (row *row) each(all time.Duration) time.Duration {
	return all / time.Duration(max(1, row.sent))
}

// A report collects the tables, and tells of each row when it is there.
type report struct {
	w     io.Writer
	rows  []row
	notes []string
	idles []string
	more  []string
	rates []rate
}

func newReport(w io.Writer) *report { return &report{w: w} }

// machine tells what it is measured on.
func (r *report) machine(ctx context.Context) {
	version := func(name string, args ...string) string {
		out, err := exec.CommandContext(ctx, name, args...).Output()
		if err != nil {
			return name + " (" + err.Error() + ")"
		}
		first, _, _ := strings.Cut(string(out), "\n")
		return first
	}
	fmt.Fprintf(r.w, "%d cores, %s/%s, %s; %s; PHP %s; all on this machine, over loopback.\n", runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, runtime.Version(), version("memcached", "-V"), version("php", "-r", "echo PHP_VERSION;"))
}

func (r *report) row(row row) {
	slices.Sort(row.times)
	r.rows = append(r.rows, row)
	fmt.Fprintf(r.w, "  %s, %d channels: p50 %s ms, p99 %s ms\n", row.name, row.channels, ms(row.quantile(0.5)), ms(row.quantile(0.99)))
}

func (r *report) note(text string) {
	r.notes = append(r.notes, text)
	fmt.Fprintln(r.w, "  "+text)
}

// idle tells what memcached was asked by clients of channels in which nothing
// happens.
func (r *report) idle(who string, clients, channels int, c cost) {
	r.idles = append(r.idles, fmt.Sprintf("%s\t%d\t%d\t%.0f\t%.2f\t%s\t%s\t",
		who, clients, channels, c.gets, c.gets/float64(clients), percent(c.gateway), percent(c.memcached)))
}

func (r *report) idleNote(text string) { r.more = append(r.more, text) }

// rate tells how fast messages were published.
func (r *report) rate(rate rate) {
	r.rates = append(r.rates, rate)
	fmt.Fprintf(r.w, "  log layout, %d publishers: %.0f messages a second\n", rate.publishers, rate.messages)
}

// quantile is the least time that a share q of all do not pass.
func (row *row) quantile(q float64) time.Duration {
	if len(row.times) == 0 {
		return 0
	}
	return row.times[max(0, int(math.Ceil(q*float64(len(row.times))))-1)]
}

// end writes the tables.
func (r *report) end(o options) {
	t := tabwriter.NewWriter(r.w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(r.w, "\nFrom PHP's send to the WebSocket frame, in ms; %d messages a second over all channels (the seed: %d), %d seconds a row.\n"+
		"For the seed the time ends at the page's poll.\n\n", o.rate, seedRate, o.seconds)
	r.latencies(t)
	fmt.Fprint(r.w, "\nWhat that cost. CPU of the servers is of one core, and of PHP and the readers in this program in ms for each message;\n"+
		"for the seed the gateway's is channel.php's, and the readers are 5 pages, with their polls.\n\n")
	r.costs(t)
	fmt.Fprint(r.w, "\nWhat idle clients cost: every client follows all of the channels, and nothing is sent.\n\n")
	fmt.Fprintln(t, "who\tclients\tchannels\tgets/s\tgets/s per client\tgateway CPU\tmemcached CPU\t")
	for _, line := range r.idles {
		fmt.Fprintln(t, line)
	}
	t.Flush()
	fmt.Fprint(r.w, "\nPublishing with the log layout: on one channel, texts of 128 bytes, from one process; each publisher sends its next\n"+
		"message when the one before is acknowledged. Times in ms.\n\n")
	r.publishing(t)
	fmt.Fprintln(r.w)
	for _, line := range slices.Concat(r.more, r.notes) {
		fmt.Fprintln(r.w, line)
	}
	fmt.Fprintln(r.w, "The gets of idle channels are the gateway's own safety look at each, once a second, however many clients there are.\n"+
		"The machine matters: with writer, servers and readers on few cores, or with others at work there, p99 tells of\n"+
		"the scheduler. A writer that was far behind its pace shows such a machine. Aim in watch mode at 10000 channels:\n"+
		"p50 2 ms, p99 5 ms; of the log layout with 8 publishers: 40000 messages a second.")
}

func (r *report) latencies(t *tabwriter.Writer) {
	fmt.Fprintln(t, "mode\tchannels\tmessages\tmissing\tp50\tp90\tp99\tmax\twriter behind\t")
	for _, row := range r.rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", row.name, row.channels, len(row.times), row.lost,
			ms(row.quantile(0.5)), ms(row.quantile(0.9)), ms(row.quantile(0.99)), ms(row.quantile(1)), ms(row.wrote.behind))
	}
	t.Flush()
}

func (r *report) costs(t *tabwriter.Writer) {
	fmt.Fprintln(t, "mode\tchannels\tgateway CPU\tmemcached CPU\tgets/s\tPHP ms/message\treaders ms/message\t")
	for _, row := range r.rows {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%.0f\t%s\t%s\t\n", row.name, row.channels,
			percent(row.cost.gateway), percent(row.cost.memcached), row.cost.gets, ms(row.each(row.wrote.cpu)), ms(row.each(row.cost.readers)))
	}
	t.Flush()
}

func (r *report) publishing(t *tabwriter.Writer) {
	fmt.Fprintln(t, "publishers\tmessages/s\tp50\tp99\t")
	for _, rate := range r.rates {
		fmt.Fprintf(t, "%d\t%.0f\t%s\t%s\t\n", rate.publishers, rate.messages, ms(rate.p50), ms(rate.p99))
	}
	t.Flush()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }

// percent is a share of one core.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
