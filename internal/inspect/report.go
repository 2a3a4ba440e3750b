package inspect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store/mcwire"
)

// A Report is what memcached holds of a channel.
type Report struct {
	Store   string     `json:"store"` // URL
	Layout  string     `json:"layout"`
	Channel string     `json:"channel"`
	Server  ServerInfo `json:"server"`

	Items    []Item    `json:"items"`
	Total    int       `json:"messages_total"` // Messages may be fewer
	Messages []Message `json:"messages"`       // oldest first
	Clients  []Client  `json:"clients"`        // that poll
	Findings []Finding `json:"findings"`       // the worst first
}

// ServerInfo is the memcached that has the channel.
type ServerInfo struct {
	Addr      string  `json:"addr"`
	Version   string  `json:"version"`
	Uptime    Seconds `json:"uptime_s"`
	Evictions uint64  `json:"evictions"`
	ItemMax   uint64  `json:"item_size_max"` // bytes; 0: not told
}

func serverOf(addr string, s mcwire.Stats) ServerInfo {
	return ServerInfo{addr, s.Version, Seconds(s.Uptime) * Seconds(time.Second), s.Evictions, s.ItemSizeMax}
}

// An Item is a key that is there once for each channel.
type Item struct {
	Role  string `json:"role"` // document, lock or head
	Key   string `json:"key"`
	Found bool   `json:"found"`
	Flags uint32 `json:"flags"`
	Means string `json:"flags_mean,omitempty"`
	Size  int    `json:"size"`               // bytes, as stored
	Plain int    `json:"inflated,omitempty"` // bytes, where Size is of something compressed
	CAS   uint64 `json:"cas"`
	Age

	Value string `json:"value,omitempty"` // in words, where that is short
}

// An Age is what the server tells of an item's life. Nil is what it does not
// tell.
type Age struct {
	TTL  *Seconds `json:"ttl_s,omitempty"`  // left; negative: it does not end
	Idle *Seconds `json:"idle_s,omitempty"` // since it was last read or written
}

func ageOf(it mcwire.Item) Age {
	if !it.Found || !it.Aged {
		return Age{}
	}
	ttl, idle := Seconds(it.TTL), Seconds(it.Idle)
	if it.TTL < 0 {
		ttl = -Seconds(time.Second)
	}
	return Age{&ttl, &idle}
}

func itemOf(role string, it mcwire.Item, means string) Item {
	return Item{
		Role: role, Key: it.Key, Found: it.Found, Flags: it.Flags, Means: means,
		Size: it.Size, CAS: it.CAS, Age: ageOf(it),
	}
}

// A Message is one of the channel.
type Message struct {
	ID      string          `json:"id"`
	Time    *time.Time      `json:"time,omitempty"`  // what the id tells
	Old     *Seconds        `json:"age_s,omitempty"` // by the clock here
	Type    string          `json:"type"`
	From    string          `json:"from,omitempty"`
	ReplyTo string          `json:"reply_to,omitempty"`
	Payload json.RawMessage `json:"payload"`
	Format  string          `json:"format"` // json, native or raw: as what the text can be read
	Size    int             `json:"size"`   // of the text, in bytes
	Cursor  protocol.Cursor `json:"cursor"`

	Number *uint64 `json:"number,omitempty"` // in the log layout
	Epoch  string  `json:"epoch,omitempty"`
	Age
}

// A Client is the place of a polling client.
type Client struct {
	ID     string   `json:"id,omitempty"`          // where it is known
	Hash   string   `json:"hash,omitempty"`        // of the id, in the log layout
	Place  string   `json:"place"`                 // the id or the cursor it stands behind; "": before all
	Known  bool     `json:"known"`                 // the place is still there
	Old    *Seconds `json:"place_age_s,omitempty"` // of the message it stands behind
	Follow int      `json:"follow"`                // messages that it has not had yet
	Polled *Seconds `json:"polled_s,omitempty"`    // since its last poll, where that is known
}

// A Severity is how bad a finding is.
type Severity string

// The severities.
const (
	Fault   Severity = "fault"   // messages are lost, or will be
	Warning Severity = "warning" // it may come to that
	Note    Severity = "note"    // worth to know
)

// A Finding is something that is not as it should be.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	Mend     string   `json:"mend,omitempty"` // what to do about it
}

// Wrong reports how many findings are more than a note.
func (r *Report) Wrong() (n int) {
	for _, f := range r.Findings {
		if f.Severity != Note {
			n++
		}
	}
	return n
}

// finish sorts the findings, and keeps the last messages; 0 keeps all.
func (r *Report) finish(last int) {
	rank := map[Severity]int{Fault: 0, Warning: 1, Note: 2}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return rank[a.Severity] - rank[b.Severity] })
	r.Total = len(r.Messages)
	if last > 0 && r.Total > last {
		r.Messages = r.Messages[r.Total-last:]
	}
	// Lists without anything in them are [] to programs.
	r.Items, r.Messages = append([]Item{}, r.Items...), append([]Message{}, r.Messages...)
	r.Clients, r.Findings = append([]Client{}, r.Clients...), append([]Finding{}, r.Findings...)
}

func (in *inspector) fault(text, mend string) { in.find(Finding{Fault, text, mend}) }
func (in *inspector) warn(text, mend string)  { in.find(Finding{Warning, text, mend}) }
func (in *inspector) note(text, mend string)  { in.find(Finding{Note, text, mend}) }

// find tells the same only once.
func (in *inspector) find(f Finding) {
	if !slices.Contains(in.report.Findings, f) {
		in.report.Findings = append(in.report.Findings, f)
	}
}

// A group is a finding that is true of several things.
type group struct {
	severity     Severity
	format, mend string
	things       []string
}

// of finds what a format with one %s says to be true of a thing. The first of
// several is named, and the others are counted.
func (in *inspector) of(severity Severity, thing, format, mend string) {
	i := slices.IndexFunc(in.groups, func(g group) bool { return g.format == format })
	if i < 0 {
		i = len(in.groups)
		in.groups = append(in.groups, group{severity: severity, format: format, mend: mend})
	}
	in.groups[i].things = append(in.groups[i].things, thing)
}

func (in *inspector) findGroups() {
	for _, g := range in.groups {
		what := g.things[0]
		if n := len(g.things) - 1; n > 0 {
			what += fmt.Sprintf(" and %d more", n)
		}
		in.find(Finding{g.severity, fmt.Sprintf(g.format, what), g.mend})
	}
}

// Seconds are a time, in JSON a number of seconds.
type Seconds time.Duration

// Duration is the time.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// MarshalJSON writes up to three digits behind the point.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Round(time.Millisecond).Seconds(), 'f', -1, 64), nil
}

// ago is since a time in unix milliseconds, nil where that is 0: not known.
func (in *inspector) ago(ms int64) *Seconds {
	if ms == 0 {
		return nil
	}
	d := Seconds(in.now.Sub(time.UnixMilli(ms)))
	return &d
}
