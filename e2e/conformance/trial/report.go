package trial

import (
	"encoding/json"
	"fmt"
	"io"
)

// Failed reports whether one of the results is a failure.
func Failed(results []Result) bool { return count(results, Fail) > 0 }

func count(results []Result, s Status) int {
	n := 0
	for i := range results {
		if results[i].Status == s {
			n++
		}
	}
	return n
}

// WriteText writes a line for each promise, below it the frames of those that
// failed or, if all is set, of all, and at the end how many there were.
func WriteText(w io.Writer, results []Result, all bool) error {
	for i := range results {
		r := &results[i]
		line := fmt.Sprintf("%s  %s %d: %s", r.Status, r.Section, r.Number, r.Promise)
		if r.Why != "" {
			line += " -- " + r.Why
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
		if r.Status != Fail && !all {
			continue
		}
		for _, f := range r.Frames {
			if _, err := fmt.Fprintln(w, "      "+f); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", count(results, Pass), count(results, Fail), count(results, Skip))
	return err
}

// WriteJSON writes the results as a JSON array.
func WriteJSON(w io.Writer, results []Result) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if results == nil {
		results = []Result{}
	}
	return enc.Encode(results)
}
