package doctor

import (
	"fmt"
	"io"
	"strings"
)

// A Report has a verdict on every check.
type Report struct {
	URL      string    `json:"url"` // without what may be secret in it
	Origin   string    `json:"origin,omitempty"`
	Store    string    `json:"store,omitempty"`
	Fine     bool      `json:"fine"` // nothing failed
	Verdicts []Verdict `json:"checks"`
}

func (x *exam) report() *Report {
	r := &Report{URL: x.where(), Origin: x.o.Origin, Fine: true}
	if x.o.Store != nil {
		r.Store = x.o.Store.URL
	}
	for _, c := range checks {
		v := x.verdicts[c.ID]
		r.Verdicts = append(r.Verdicts, v)
		r.Fine = r.Fine && v.Status != Fail
	}
	return r
}

// where is the URL for people.
func (x *exam) where() string {
	u := *x.url
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// With are the checks that went so.
func (r *Report) With(s Status) []ID {
	var ids []ID
	for _, v := range r.Verdicts {
		if v.Status == s {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// Write writes the verdict for people: on one line, and what to change on a
// second one.
func (v Verdict) Write(w io.Writer) error {
	text := fmt.Sprintf("%-7s  %-17s  %s\n", v.Status, v.ID, v.Text)
	if v.Change != "" {
		text += fmt.Sprintf("%-26s   -> %s\n", "", v.Change)
	}
	_, err := io.WriteString(w, text)
	return err
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	count := func(s Status) int { return len(r.With(s)) }
	parts := []string{fmt.Sprintf("%d ok", count(OK))}
	for _, s := range []Status{Warn, Fail, Skipped} {
		if n := count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}
