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

// WriteText writes a line for each promise; below those that failed the words of
// docs/protocol.md that are broken; the frames of those or, if all is set, of
// all; and at the end how many there were.
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
		if r.Status == Fail {
			if _, err := fmt.Fprintf(w, "      docs/protocol.md says: %s\n", r.Says); err != nil {
				return err
			}
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

// WriteList writes the promises themselves, and below each the words of
// docs/protocol.md that make it.
func WriteList(w io.Writer, promises []Result) error {
	for i := range promises {
		r := &promises[i]
		if _, err := fmt.Fprintf(w, "%s %d: %s\n      %s\n", r.Section, r.Number, r.Promise, r.Says); err != nil {
			return err
		}
	}
	return nil
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
