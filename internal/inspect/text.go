package inspect

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// shownPayload is how many characters of a payload are shown where not all are
// wanted.
const shownPayload = 60

// A page is text for people, which is put together before it is written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

// table writes rows whose cells are separated by tabs.
func (p *page) table(rows []string) {
	t := tabwriter.NewWriter(p, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, row)
	}
	_ = t.Flush() // into memory
}

// Text writes a report for people; full: with payloads of any length.
func (r *Report) Text(w io.Writer, full bool) error {
	p := &page{}
	p.line("channel %s in the %s layout, %s", quoted(r.Channel), r.Layout, quoted(r.Store))
	p.line("%s", r.Server.text())
	for _, it := range r.Items {
		p.line("")
		it.text(p)
	}
	r.messages(p, full)
	r.clients(p)
	r.findings(p)
	_, err := io.WriteString(w, p.String())
	return err
}

func (s ServerInfo) text() string {
	text := fmt.Sprintf("memcached %s on %s, up for %s, %d evicted", quoted(s.Version), s.Addr, span(s.Uptime.Duration()), s.Evictions)
	if s.ItemMax > 0 {
		text += ", items up to " + bytesText(int(s.ItemMax))
	}
	return text
}

func (it Item) text(p *page) {
	if !it.Found {
		p.line("%s  %s: there is none", it.Role, quoted(it.Key))
		return
	}
	p.line("%s  %s", it.Role, quoted(it.Key))
	facts := []string{fmt.Sprintf("flags %d", it.Flags)}
	if it.Means != "" {
		facts[0] += " (" + it.Means + ")"
	}
	facts = append(facts, bytesText(it.Size))
	if it.Plain > 0 {
		facts = append(facts, fmt.Sprintf("%s inflated (%d %%)", bytesText(it.Plain), 100*it.Size/it.Plain))
	}
	if it.Value != "" {
		facts = append(facts, "holds "+quoted(it.Value))
	}
	p.line("    %s", strings.Join(append(facts, fmt.Sprintf("CAS %d", it.CAS)), ", "))
	if it.TTL != nil {
		p.line("    %s, last read or written %s ago", endText(*it.TTL), span(it.Idle.Duration()))
	}
}

func endText(ttl Seconds) string {
	if ttl < 0 {
		return "does not end by itself"
	}
	return "ends in " + span(ttl.Duration())
}

func (r *Report) messages(p *page, full bool) {
	p.line("")
	switch shown := len(r.Messages); {
	case shown == 0:
		p.line("no messages")
		return
	case shown < r.Total:
		p.line("messages  %d, the last %d of them", r.Total, shown)
	default:
		p.line("messages  %d", r.Total)
	}
	header := "    id\tage\ttype\tfrom\tpayload"
	if r.Layout == "log" {
		header = "    number\tid\tage\ttype\tfrom\tpayload"
	}
	rows := []string{header}
	for _, m := range r.Messages {
		rows = append(rows, m.row(full))
	}
	p.table(rows)
}

func (m Message) row(full bool) string {
	payload := visible(string(m.Payload))
	if !full && len([]rune(payload)) > shownPayload {
		payload = short(payload, shownPayload) + " (" + bytesText(len(m.Payload)) + ")"
	}
	if m.ReplyTo != "" {
		payload = "reply to " + quoted(m.ReplyTo) + ": " + payload
	}
	if m.Format != "json" {
		payload = m.Format + ": " + payload
	}
	cells := []string{quoted(m.ID), ageText(m.Old), dash(m.Type), dash(m.From), payload}
	if m.Number != nil {
		cells = append([]string{fmt.Sprint(*m.Number)}, cells...)
	}
	return "    " + strings.Join(cells, "\t")
}

func ageText(age *Seconds) string {
	if age == nil {
		return "?"
	}
	return span(age.Duration())
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return quoted(s)
}

func (r *Report) clients(p *page) {
	p.line("")
	if len(r.Clients) == 0 {
		p.line("no polling clients")
		return
	}
	p.line("polling clients  %d", len(r.Clients))
	rows := []string{"    client\tstands behind\tto come\tlast poll"}
	for _, c := range r.Clients {
		rows = append(rows, c.row())
	}
	p.table(rows)
}

func (c Client) row() string {
	who, behind, follow := quoted(c.ID), quoted(c.Place), fmt.Sprint(c.Follow)
	if c.ID == "" && c.Hash != "" {
		who = "hash " + quoted(c.Hash)
	}
	switch {
	case !c.Known:
		behind, follow = behind+", which is gone", "?"
	case c.Place == "":
		behind = "nothing"
	case c.Old != nil:
		behind += ", " + span(c.Old.Duration()) + " old"
	}
	return "    " + strings.Join([]string{who, behind, follow, ageText(c.Polled)}, "\t")
}

func (r *Report) findings(p *page) {
	p.line("")
	if len(r.Findings) == 0 {
		p.line("nothing is wrong")
		return
	}
	p.line("findings  %d", len(r.Findings))
	for _, f := range r.Findings {
		p.line("    %s: %s", f.Severity, f.Text)
		if f.Mend != "" {
			p.line("        %s", f.Mend)
		}
	}
}

// Text writes an overview for people.
func (all *Overview) Text(w io.Writer) error {
	p := &page{}
	p.line("channels in the %s layout, %s", all.Layout, quoted(all.Store))
	for _, s := range all.Servers {
		p.line("%s", s.text())
	}
	p.line("")
	rows := []string{"channel\tstored\tends\tlast used\tnow"}
	if all.Layout == "log" {
		rows[0] = "channel\tslots\tpolling clients\tends\tlast used\tserver"
	}
	for _, c := range all.Channels {
		rows = append(rows, all.row(c))
	}
	if len(all.Channels) == 0 {
		rows = []string{"no channels"}
	}
	p.table(rows)
	_, err := io.WriteString(w, p.String())
	return err
}

func (all *Overview) row(c ChannelInfo) string {
	name, ends, used := quoted(c.Channel), "?", "?"
	if c.Channel == "" {
		name = "hashed: " + quoted(c.Name)
	}
	if c.TTL != nil {
		ends, used = strings.TrimPrefix(endText(*c.TTL), "ends "), span(c.Idle.Duration())+" ago"
	}
	if all.Layout == "log" {
		return fmt.Sprintf("%s\t%d\t%d\t%s\t%s\t%s", name, c.Slots, c.Clients, ends, used, c.Server)
	}
	state := "free"
	if c.Locked {
		state = "locked"
	}
	return strings.Join([]string{name, bytesText(c.Size), ends, used, state}, "\t")
}
