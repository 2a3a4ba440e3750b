package memcachedtest

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// A Version is a memcached that tests can run, of the version 1.Minor.Patch.
type Version struct {
	Minor, Patch int

	program string // a path, or the name of a command
}

// Each runs tests with every one of the [Versions], as subtests such as
// "1.6.18/Restart". Versions run at once, and the tests of each one after the
// other.
func Each(t *testing.T, tests map[string]func(*testing.T, Version)) {
	names := slices.Sorted(maps.Keys(tests))
	for _, v := range Versions(t) {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			for _, name := range names {
				t.Run(name, func(t *testing.T) { tests[name](t, v) })
			}
		})
	}
}

// Versions finds what to test with where versions of memcached differ: the
// programs that the environment's MEMCACHED names, paths with ":" between
// them; the one installed; and, but for -short, those that
// scripts/memcached-versions has fetched. Of one version it is the first.
// Where none is installed, t fails, or is skipped under -short.
func Versions(t testing.TB) []Version {
	t.Helper()
	Need(t, command)
	programs := append(filepath.SplitList(os.Getenv("MEMCACHED")), command)
	if !testing.Short() {
		programs = append(programs, fetched(t)...)
	}
	var versions []Version
	seen := make(map[string]bool)
	for _, program := range programs {
		if v := ask(t, program); !seen[v.String()] {
			seen[v.String()] = true
			versions = append(versions, v)
		}
	}
	return versions
}

// command is the memcached installed.
const command = "memcached"

// Installed is the version that [Start] runs.
func Installed(t testing.TB) Version {
	t.Helper()
	Need(t, command)
	return ask(t, command)
}

// ask has program say its version.
func ask(t testing.TB, program string) Version {
	t.Helper()
	v := Version{program: program}
	out, err := exec.CommandContext(t.Context(), program, "-V").CombinedOutput()
	if err == nil {
		_, err = fmt.Sscanf(string(out), "memcached 1.%d.%d", &v.Minor, &v.Patch)
	}
	if err != nil {
		t.Fatalf("%s -V: %v\n%s", program, err, out)
	}
	return v
}

// fetched are the programs that scripts/memcached-versions has left. They are
// within the module, so that go test does not take a result for theirs that it
// has cached from before they came.
func fetched(t testing.TB) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return nil // tests of a binary that was moved
		}
		dir = filepath.Dir(dir)
	}
	programs, err := filepath.Glob(filepath.Join(dir, "bin", "memcached", "*", "memcached"))
	if err != nil {
		t.Fatal(err)
	}
	return programs
}

func (v Version) String() string { return fmt.Sprintf("1.%d.%d", v.Minor, v.Patch) }

// Before reports whether v is older than w.
func (v Version) Before(w Version) bool {
	return cmp.Or(cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch)) < 0
}

// Needs skips t where v is older than least.
func (v Version) Needs(t testing.TB, least Version) {
	t.Helper()
	if v.Before(least) {
		t.Skipf("memcached is %v, this needs %v", v, least)
	}
}
