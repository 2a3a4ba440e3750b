package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The tables stand between these lines of the document.
const (
	tablesBegin = "<!-- written by make bench-peers -->\n"
	tablesEnd   = "<!-- end of what make bench-peers writes -->\n"
)

// rewrite puts the tables into the document.
func rewrite(document, tables string) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(text, []byte(tablesBegin))
	_, after, ends := bytes.Cut(rest, []byte(tablesEnd))
	if !begins || !ends {
		return fmt.Errorf("%s has no place for the tables: a line %q and a line %q", document, tablesBegin, tablesEnd)
	}
	text = slices.Concat(before, []byte(tablesBegin+"\n"+tables+"\n"+tablesEnd), after)
	return os.WriteFile(document, text, 0o644)
}

// tables are all that the document has of the run.
func (m *series) tables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s: %s. Each cell is the least and the median of %d rounds, of %d s each.\n\n",
		time.Now().UTC().Format(time.DateOnly), machine(), m.rounds, m.seconds)
	m.writeFigures(&b)
	fmt.Fprintln(&b)
	for _, p := range m.ready {
		fmt.Fprintf(&b, "- **%s**: %s\n", p.name(), p.version)
	}
	for _, note := range m.notes {
		fmt.Fprintf(&b, "- %s\n", note)
	}
	m.writeGenerator(&b)
	m.writeKernel(&b)
	m.writeMillion(&b)
	return b.String()
}

// writeFigures writes a row for each server, and how the gateway compares.
func (m *series) writeFigures(b *strings.Builder) {
	var columns []column
	for _, s := range m.scenarios {
		columns = append(columns, s.columns...)
	}
	fmt.Fprint(b, "|")
	for _, c := range columns {
		fmt.Fprintf(b, " | %s", c.title)
	}
	fmt.Fprint(b, " |\n|---", strings.Repeat("|---:", len(columns)), "|\n")
	for _, p := range m.ready {
		fmt.Fprintf(b, "| %s", p.name())
		for _, c := range columns {
			fmt.Fprintf(b, " | %s", m.figure(p.name(), c))
		}
		fmt.Fprintln(b, " |")
	}
	for _, p := range m.ready {
		if p.name() == gatewayName || len(m.figures[cell{gatewayName, columns[0].title}]) == 0 {
			continue
		}
		fmt.Fprintf(b, "| gateway ÷ %s", p.name())
		for _, c := range columns {
			fmt.Fprintf(b, " | %s", m.ratio(p.name(), c))
		}
		fmt.Fprintln(b, " |")
	}
}

// figure is a cell's text.
func (m *series) figure(name string, c column) string {
	values := slices.Sorted(slices.Values(m.figures[cell{name, c.title}]))
	if len(values) == 0 {
		return "-"
	}
	return grouped(values[0], c.digits) + " / " + grouped(median(values), c.digits)
}

// ratio compares the gateway with another server, by their medians.
func (m *series) ratio(name string, c column) string {
	ours, theirs := m.figures[cell{gatewayName, c.title}], m.figures[cell{name, c.title}]
	if len(ours) == 0 || len(theirs) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(slices.Sorted(slices.Values(ours)))/median(slices.Sorted(slices.Values(theirs))))
}

// median wants values in order, one at least.
func median(values []float64) float64 {
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// grouped is a number with a space before every three digits of thousands.
func grouped(value float64, digits int) string {
	text := strconv.FormatFloat(value, 'f', digits, 64)
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + " " + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return whole
}

func (m *series) writeGenerator(b *strings.Builder) {
	var parts []string
	for _, s := range m.scenarios {
		if g, ok := m.generator[s.key]; ok {
			parts = append(parts, fmt.Sprintf("%s %.2f to %.2f", s.key, g.least, g.most))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "\nThe clients themselves took, in µs of CPU a delivery: %s.\n", strings.Join(parts, "; "))
	}
}

// writeKernel tells what the kernel keeps for a connection.
func (m *series) writeKernel(b *strings.Builder) {
	if len(m.kernel.Objects) == 0 {
		return
	}
	fmt.Fprint(b, "\nWhat the kernel kept for each idle connection of the gateway, both ends on this machine:\n\n| slab cache | bytes |\n|---|---:|\n")
	total := int64(0)
	for _, name := range slices.Sorted(maps.Keys(m.kernel.Objects)) {
		if n := m.kernel.Objects[name]; n > 0 {
			total += n
			fmt.Fprintf(b, "| `%s` | %s |\n", name, grouped(float64(n), 0))
		}
	}
	fmt.Fprintf(b, "| socket buffers, as TCP accounts for them | %s |\n", grouped(float64(max(0, m.kernel.Buffers)), 0))
	fmt.Fprintf(b, "| together | %s |\n", grouped(float64(total+max(0, m.kernel.Buffers)), 0))
}

// writeMillion carries the gateway's figures to a million connections.
func (m *series) writeMillion(b *strings.Builder) {
	figure := func(title string) (float64, bool) {
		values := m.figures[cell{gatewayName, title}]
		if len(values) == 0 {
			return 0, false
		}
		return median(slices.Sorted(slices.Values(values))), true
	}
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if bytes, ok := figure("idle, bytes"); ok {
		add("| memory of the gateways | %.1f GB |", bytes/1e3)
	}
	if bytes := m.kernel.Total() / 2; bytes > 0 {
		add("| memory of the kernel, without what waits in sockets | %.1f GB |", float64(bytes)/1e3)
	}
	if us, ok := figure("connect, µs"); ok {
		add("| CPU for all of them to connect again | %.0f s of one core |", us)
	}
	if us, ok := figure("steady, µs"); ok {
		add("| CPU for one message to all of them, each second | %.1f cores |", us)
	}
	if len(lines) > 0 {
		fmt.Fprintf(b, "\nThe gateway's figures times a million connections:\n\n| | |\n|---|---:|\n%s\n", strings.Join(lines, "\n"))
	}
}

// machine is what it is measured on.
func machine() string {
	text := fmt.Sprintf("%d cores", runtime.NumCPU())
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := bytes.Cut(info, []byte("model name"))
		line, _, _ := bytes.Cut(rest, []byte{'\n'})
		if name := strings.Trim(string(line), " \t:"); name != "" {
			text = fmt.Sprintf("%d cores of %s", runtime.NumCPU(), name)
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		text += ", Linux " + strings.TrimSpace(string(release))
	}
	return text + ", everything over loopback"
}
