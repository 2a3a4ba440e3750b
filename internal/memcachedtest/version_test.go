package memcachedtest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fake is a program that says it is this version of memcached.
func fake(t *testing.T, version string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), command)
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho memcached "+version+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestVersions(t *testing.T) {
	installed := Installed(t)
	programs := []string{fake(t, "1.4.39"), fake(t, installed.String()), fake(t, "1.4.39_dirty")}
	t.Setenv("MEMCACHED", programs[0]+":"+programs[1]+":"+programs[2])
	versions := Versions(t)
	var named []string
	for i, v := range versions {
		named = append(named, v.program)
		if slices.ContainsFunc(versions[:i], func(other Version) bool { return other.String() == v.String() }) {
			t.Errorf("%v is there twice", v)
		}
	}
	if !slices.Equal(named[:2], programs[:2]) {
		t.Errorf("got %q, want %q first, which the environment names", named, programs[:2])
	}
	if slices.Contains(named, command) {
		t.Errorf("got %q, the one installed is of a version named before", named)
	}
}

func TestEveryVersionStarts(t *testing.T) {
	Each(t, map[string]func(*testing.T, Version){
		"Start": func(t *testing.T, v Version) {
			s := v.Start(t)
			s.Restart(t) // answers by the child's own process id
		},
	})
}

func TestBefore(t *testing.T) {
	tests := []struct {
		name string
		v, w Version
		want bool
	}{
		{"an older patch", Version{Minor: 6, Patch: 9}, Version{Minor: 6, Patch: 11}, true},
		{"itself", Version{Minor: 6, Patch: 11}, Version{Minor: 6, Patch: 11}, false},
		{"a newer patch", Version{Minor: 6, Patch: 40}, Version{Minor: 6, Patch: 11}, false},
		{"an older minor", Version{Minor: 5, Patch: 22}, Version{Minor: 6}, true},
		{"a newer minor", Version{Minor: 6}, Version{Minor: 5, Patch: 20}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.v.Before(test.w); got != test.want {
				t.Errorf("%v before %v: got %v, want %v", test.v, test.w, got, test.want)
			}
		})
	}
}
