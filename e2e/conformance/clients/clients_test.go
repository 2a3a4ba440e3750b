package clients

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// naiveDriver has this test's binary be a driver.
const naiveDriver = "naive-driver"

func TestMain(m *testing.M) {
	if len(os.Args) == 7 && os.Args[1] == naiveDriver {
		os.Exit(drive(os.Args[2:]))
	}
	goleak.VerifyTestMain(m)
}

// look looks at a naive client with a fault, at the promises that want takes.
func look(t *testing.T, fault string, want func(trial.Result) bool) []trial.Result {
	t.Helper()
	results, err := Run(t.Context(), Config{Driver: []string{os.Args[0], naiveDriver, fault}, AtOnce: 6, Want: want})
	if err != nil {
		t.Error(err)
	}
	return results
}

func TestNaiveClientConforms(t *testing.T) {
	t.Parallel()
	results := look(t, "none", nil)
	for _, r := range results {
		if r.Status != trial.Pass {
			t.Errorf("%s: %s %s\n\t%s", r.Promise, r.Status, r.Why, strings.Join(r.Frames, "\n\t"))
		}
	}
	if len(results) < 20 {
		t.Errorf("only %d promises were looked at", len(results))
	}
}

// TestFaultsAreNoticed: each fault of a client breaks the promises with these
// pieces in their lines; and there is no check that can't fail.
func TestFaultsAreNoticed(t *testing.T) {
	t.Parallel()
	faults := map[string][]string{
		"tells everything twice":          {"once and in their order", "nothing is lost or doubled", "it does so each time", "may come late", "never welcomed"},
		"makes texts of payloads":         {"payloads are told as they are"},
		"does not resume":                 {"nothing is lost or doubled", "it does so each time", "after 4100"},
		"keeps its first cursor":          {"nothing is lost or doubled", "its cursor is the place"},
		"forgets the cursor of a gap":     {"its cursor is the place"},
		"keeps gaps to itself":            {"its cursor is the place"},
		"does not look at recovered":      {"recovered false"},
		"hears itself":                    {"one's own id are ignored"},
		"fails for what it does not know": {"unknown ops and fields"},
		"keeps failures to itself":        {"an unknown error code"},
		"changes what is sent":            {"arrives as it was given"},
		"sends again under another id":    {"under the same id"},
		"sends without an id":             {"under the same id"},
		"does not send again":             {"under the same id"},
		"does not look at bye":            {"after bye"},
		"does not back off":               {"it backs off", "after bye", "not followed at once"},
		"comes back for ever":             {"after 4200", "after 4201", "after 4203"},
		"does not tell of the end":        {"after 4200", "after 4201", "after 4203"},
		"does not answer pings":           {"a pong of the same payload"},
		"goes silent when it is pinged":   {"come in fragments"},
		"has another id":                  {"once and in their order"},
		"asks before hello":               {"once and in their order"},
		"does not end":                    {"once and in their order"},
	}
	broken := make(map[string]bool)
	results := make(chan []trial.Result)
	var all errgroup.Group // and no subtests: they would wait for one another, and do little else
	all.SetLimit(6)
	go func() {
		defer close(results)
		for fault, pieces := range faults {
			all.Go(func() error {
				results <- wantNoticed(t, fault, pieces)
				return nil
			})
		}
		_ = all.Wait() // no function fails
	}()
	for list := range results {
		for _, r := range list {
			broken[r.Promise] = broken[r.Promise] || r.Status == trial.Fail
		}
	}
	look(t, "none", func(r trial.Result) bool {
		if !broken[r.Promise] {
			t.Errorf("no fault here breaks %q", r.Promise)
		}
		return false
	})
}

// wantNoticed wants the promises with these pieces in their lines to be broken.
func wantNoticed(t *testing.T, fault string, pieces []string) []trial.Result {
	found := 0
	results := look(t, fault, func(r trial.Result) bool {
		for _, piece := range pieces {
			if strings.Contains(r.Promise, piece) {
				found++
				return true
			}
		}
		return false
	})
	if found != len(pieces) {
		t.Errorf("%s: %d promises for %q", fault, found, pieces)
	}
	for _, r := range results {
		if r.Status != trial.Fail {
			t.Errorf("%s: got %s %s of %q", fault, r.Status, r.Why, r.Promise)
		}
	}
	return results
}
