package trial

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	var cleaned []string
	checks := []Check{
		{Section: "A", Promise: "kept", Says: "it is so", Run: func(c *T) {
			c.Cleanup(func() { cleaned = append(cleaned, "first") })
			c.Cleanup(func() { cleaned = append(cleaned, "second") })
			c.Frame("alice", "->", "ping")
		}},
		{Section: "A", Promise: "broken", Run: func(c *T) {
			c.Frame("alice", "<-", "\xff")
			c.Failf("it was %d", 1)
			t.Error("it went on after Failf")
		}},
		{Section: "B", Promise: "not wanted", Run: func(*T) { t.Error("it was run") }},
		{Section: "B", Promise: "not seen", Idle: true, Run: func(c *T) { c.Skipf("why") }},
	}
	got := Run(t.Context(), checks, 1, func(r Result) bool { return r.Section+fmt.Sprint(r.Number) != "B1" })
	want := []Result{
		{Section: "A", Number: 1, Promise: "kept", Says: "it is so", Status: Pass, Frames: []string{"alice -> ping"}},
		{Section: "A", Number: 2, Promise: "broken", Status: Fail, Why: "it was 1", Frames: []string{"alice <- \uFFFD"}},
		{Section: "B", Number: 2, Promise: "not seen", Status: Skip, Why: "why"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if want := []string{"second", "first"}; !slices.Equal(cleaned, want) {
		t.Errorf("cleaned up %q, want %q", cleaned, want)
	}
	if !Failed(got) || Failed(got[:1]) {
		t.Errorf("Failed: got %t and %t, want true and false", Failed(got), Failed(got[:1]))
	}
}

// A check that is still waiting when there is no more time has failed, and says
// why.
func TestNoMoreTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := Run(ctx, []Check{{Run: func(c *T) {
		cancel()
		<-c.Context().Done()
		c.Failf("nothing came")
	}}}, 1, nil)
	if got[0].Status != Fail || !strings.Contains(got[0].Why, "no more time") {
		t.Errorf("got %+v", got[0])
	}
}

func TestFramesAreBounded(t *testing.T) {
	got := Run(t.Context(), []Check{{Run: func(c *T) {
		for i := range 100 {
			c.Frame("alice", "->", fmt.Sprint(i))
		}
		c.Frame("alice", "->", strings.Repeat("x", 1000))
	}}}, 1, nil)[0].Frames
	if len(got) != maxFrames+1 || got[0] != "alice -> 0" || !strings.Contains(got[maxFrames/2], "61 more") || len(got[maxFrames]) > maxFrame+50 {
		t.Errorf("%d frames: got %q", len(got), got)
	}
}

func TestWriteText(t *testing.T) {
	results := []Result{
		{Section: "A", Number: 1, Promise: "kept", Status: Pass, Frames: []string{"alice -> ping"}},
		{Section: "A", Number: 2, Promise: "broken", Says: "not so", Status: Fail, Why: "it was", Frames: []string{"alice <- pong"}},
	}
	for _, tt := range []struct {
		all  bool
		want string
	}{
		{false, "pass  A 1: kept\nfail  A 2: broken -- it was\n      docs/protocol.md says: not so\n      alice <- pong\n1 passed, 1 failed, 0 skipped\n"},
		{true, "pass  A 1: kept\n      alice -> ping\nfail  A 2: broken -- it was\n      docs/protocol.md says: not so\n      alice <- pong\n1 passed, 1 failed, 0 skipped\n"},
	} {
		var got strings.Builder
		if err := WriteText(&got, results, tt.all); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got.String()); diff != "" {
			t.Errorf("all frames: %t (-want +got):\n%s", tt.all, diff)
		}
	}
}
