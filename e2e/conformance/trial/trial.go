// Package trial runs checks and tells what came of each, with the frames that
// show it.
package trial

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Bounds of what a Result shows.
const (
	maxFrames = 40  // lines
	maxFrame  = 400 // bytes of each
)

// A Status is how a check ended.
type Status string

// The statuses there are.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	Skip Status = "skip" // it could not be seen here whether the promise is kept
)

// A Result tells what came of a check.
type Result struct {
	Section string   `json:"section"` // of docs/protocol.md
	Number  int      `json:"number"`  // within the section, from 1
	Promise string   `json:"promise"`
	Says    string   `json:"says"` // the words of docs/protocol.md that promise it, without their marks
	Status  Status   `json:"status"`
	Why     string   `json:"why,omitempty"`    // of fail and skip
	Frames  []string `json:"frames,omitempty"` // what went over the wire, oldest first
}

// A Check looks at one promise.
type Check struct {
	Section string
	Promise string
	Says    string // as in Result
	// Idle says that the check spends its time waiting, for a time-out of the
	// other side say: it runs beside the others and not in their number.
	Idle bool
	// Run looks. It passes if Run returns.
	Run func(*T)
}

// A T is a check under way. As with testing.T, Failf and Skipf belong to the
// goroutine that Run was called in, and end it; the other methods may be called
// from any goroutine.
type T struct {
	ctx context.Context

	// owned by Run's goroutine
	ended  bool // Run returned, or Failf or Skipf was called
	status Status
	why    string

	mu       sync.Mutex
	frames   []string
	left     int // frames that were not kept
	cleanups []func()
}

// Context ends when the check is to: with its result, or because there is no
// more time.
func (t *T) Context() context.Context { return t.ctx }

// Failf ends the check: the promise was broken.
func (t *T) Failf(format string, args ...any) { t.end(Fail, fmt.Sprintf(format, args...)) }

// Skipf ends the check: it can't be seen here whether the promise is kept.
func (t *T) Skipf(format string, args ...any) { t.end(Skip, fmt.Sprintf(format, args...)) }

func (t *T) end(status Status, why string) {
	if status == Fail && t.ctx.Err() != nil {
		why += " (there was no more time)"
	}
	t.ended, t.status, t.why = true, status, why
	runtime.Goexit()
}

// Frame notes what went over the wire: whose it is, "->" or "<-" as the client
// sees it, and the text.
func (t *T) Frame(who, arrow, text string) {
	if len(text) > maxFrame {
		text = fmt.Sprintf("%s... (%d bytes)", strings.ToValidUTF8(text[:maxFrame], ""), len(text))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.frames) == maxFrames { // the last ones tell most
		t.frames = append(t.frames[:maxFrames/2], t.frames[maxFrames/2+1:]...)
		t.left++
	}
	t.frames = append(t.frames, who+" "+arrow+" "+strings.ToValidUTF8(text, "\uFFFD"))
}

// Cleanup has f called when the check has ended, the last one first.
func (t *T) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// run carries out c and returns when nothing of it is left.
func run(ctx context.Context, c Check) (Status, string, []string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &T{ctx: ctx}
	var done sync.WaitGroup
	done.Go(func() {
		defer t.clean(cancel)
		c.Run(t)
		t.ended, t.status = true, Pass
	})
	done.Wait()
	if !t.ended {
		return Fail, "the check itself has a fault", t.shown()
	}
	return t.status, t.why, t.shown()
}

func (t *T) clean(cancel func()) {
	cancel()
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}

// shown are the frames that are kept. What a check has left running may still
// add to them.
func (t *T) shown() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 {
		return slices.Clone(t.frames)
	}
	half := len(t.frames) / 2
	shown := append([]string{}, t.frames[:half]...)
	return append(append(shown, fmt.Sprintf("... %d more ...", t.left)), t.frames[half:]...)
}

// Promises are the results of checks before anybody has looked: without a status.
func Promises(checks []Check) []Result {
	results := make([]Result, len(checks))
	numbers := make(map[string]int)
	for i, c := range checks {
		numbers[c.Section]++
		results[i] = Result{Section: c.Section, Number: numbers[c.Section], Promise: c.Promise, Says: c.Says}
	}
	return results
}

// Run carries out those of the checks that want takes, at most so many at a
// time beside the idle ones, and returns their results in the checks' order.
// What is not done when ctx ends has failed. want is asked with the Section,
// Number and Promise of each; it may be nil: all of them.
func Run(ctx context.Context, checks []Check, atOnce int, want func(Result) bool) []Result {
	var results []Result
	var chosen []Check
	for i, r := range Promises(checks) {
		if want == nil || want(r) {
			chosen = append(chosen, checks[i])
			results = append(results, r)
		}
	}
	slots := make(chan struct{}, max(atOnce, 1))
	var all sync.WaitGroup
	for i, c := range chosen {
		all.Go(func() {
			if !c.Idle {
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			r := &results[i]
			r.Status, r.Why, r.Frames = run(ctx, c)
		})
	}
	all.Wait()
	return results
}
