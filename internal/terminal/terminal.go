// Package terminal tells whether people look at what is written, and shows them
// a line that changes.
package terminal

import (
	"fmt"
	"io"
	"os"
)

// Is reports whether w is a terminal, and not a file, a pipe or a buffer.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// A Line is a line at the bottom of a terminal that is written over and over.
// What else is written there comes between Clear and the next Show. It is for
// one goroutine at a time.
type Line struct{ w io.Writer }

// NewLine makes a Line on w, which is to be a terminal.
func NewLine(w io.Writer) *Line { return &Line{w} }

// toBegin goes to the begin of the line, and clears it.
const toBegin = "\r\x1b[K"

// Show puts text in the place of what the line has had. A terminal that can't
// be written to shows nothing.
func (l *Line) Show(text string) { fmt.Fprint(l.w, toBegin, text) }

// Clear takes the line away.
func (l *Line) Clear() { fmt.Fprint(l.w, toBegin) }
