// Package gateway_test holds the repository to its own structure: who may
// import whom, and that every package says what it is.
package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/commchannel/gateway"

// A forbidden rule names imports that must not be. Patterns are import paths,
// with "./" for this module's own; "x/..." is x and all below it.
type forbidden struct {
	from    []string // patterns of importing packages
	but     []string // and these are excepted
	shared  []string // imported packages that are excepted
	to      []string // patterns of imported packages, or
	outside bool     // whatever is not of the standard library, or
	sibling string   // from a folder below this one to another one below it
	deep    bool     // through other packages, too
	why     string
}

var structure = []forbidden{
	{from: []string{"./protocol"}, outside: true,
		why: "protocol imports the standard library alone: a client of any kind can use it without a dependency"},
	{from: []string{"./protocol/..."}, to: []string{"./hub/...", "./store/...", "./transport/...", "./internal/...", "./client-js/..."}, deep: true,
		why: "a Go program that uses protocol/client links no server"},
	{from: []string{"./protocol/client/..."}, shared: []string{"./protocol", "./protocol/client/...", "github.com/coder/websocket/..."}, outside: true, deep: true,
		why: "a Go program that uses protocol/client links a WebSocket library beside protocol, and nothing else"},
	{from: []string{"./examples/..."}, shared: []string{"./protocol/..."}, outside: true,
		why: "an example shows what the client alone can do"},
	{from: []string{"./client-js/..."}, outside: true,
		why: "client-js is files to embed, and no code"},
	{from: []string{"./hub/...", "./store/..."}, to: []string{"net/http/...", "github.com/coder/websocket/..."},
		why: "the core knows neither HTTP nor WebSocket: sockets are the transports'"},
	{from: []string{"./store/..."}, to: []string{"./hub/...", "./transport/...", "./internal/..."},
		why: "a store is below the hub, and knows nobody above it"},
	{from: []string{"./hub/..."}, to: []string{"./transport/...", "./internal/..."},
		why: "the hub is below the transports, and knows nobody above it"},
	{from: []string{"./transport/..."}, to: []string{"./internal/..."},
		why: "a transport is put together by internal/gateway, and knows nothing of it"},
	{sibling: "./store", shared: []string{"./store/mcwire"},
		why: "each store stands for itself: what they share belongs to package store, or is the wire to memcached"},
	{sibling: "./transport", shared: []string{"./transport/netpoll"},
		why: "each transport stands for itself: what they share belongs to package transport, or is how sockets are watched"},
	{from: []string{"./..."}, but: []string{"./internal/gateway", "./internal/inspect", "./cmd/...", "./store/..."}, to: []string{"./store/memory/...", "./store/memcache/...", "./store/memlog/...", "./store/redis/..."},
		why: "only internal/gateway and cmd know the stores there are, and internal/inspect their layouts; all others take a store.Store"},
	{from: []string{"./internal/inspect"}, to: []string{"./hub/...", "./transport/..."},
		why: "internal/inspect looks at what is stored from outside, with no gateway"},
	{from: []string{"./internal/doctor/..."}, shared: []string{"./protocol", "./store/mcwire"}, to: []string{"./..."}, deep: true,
		why: "internal/doctor stands where a client stands: it knows the wires, and nothing of the gateway behind them"},
	{from: []string{"./..."}, to: []string{"./store/storetest/..."},
		why: "the conformance suite is for tests, and brings package testing with it"},
	{from: []string{"./..."}, but: []string{"./cmd/..."}, to: []string{"./cmd/..."},
		why: "commands are for people to start"},
	{from: []string{"./..."}, but: []string{"./cmd/...", "./internal/gateway/..."}, shared: []string{"./internal/gateway/settings"}, to: []string{"./internal/gateway/..."},
		why: "internal/gateway puts everything together: whoever imports it imports all there is"},
	{from: []string{"./internal/cli/...", "./internal/shadow/..."}, to: []string{"./hub/...", "./store/...", "./transport/...", "./internal/bench/...", "./internal/inspect/..."}, deep: true,
		why: "what the command line does at a gateway, it does as any client: from outside"},
	{from: []string{"./internal/shadow/..."}, to: []string{"./internal/cli/...", "./internal/gateway/...", "github.com/spf13/..."},
		why: "a comparison knows nothing of the command that shows it"},
	{from: []string{"./..."}, but: []string{"./e2e/..."}, to: []string{"./e2e/..."},
		why: "e2e looks at the built binary from outside"},
	{from: []string{"./e2e/conformance/..."}, but: []string{"./e2e/conformance/drivers/..."}, shared: []string{"./e2e/conformance/..."}, outside: true,
		why: "the conformance kit decodes frames itself: were package protocol wrong on both sides, nobody would notice"},
	{from: []string{"./e2e/conformance/drivers/..."}, shared: []string{"./protocol/..."}, outside: true,
		why: "a driver moves its client, as somebody else's would"},
}

// A pkg is what "go list" tells of a package. Tests' imports are not among
// Imports and Deps: tests may reach further.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
	Deps       []string
}

func TestImportsPointOneWay(t *testing.T) {
	for _, v := range violations(structure, packages(t)) {
		t.Error(v)
	}
}

// Edges that must be found, one for each rule at least, and some that must not.
func TestViolationsAreFound(t *testing.T) {
	edges := []struct {
		from, to string
		why      string // a piece of the rule's reason; empty: the edge is fine
	}{
		{"protocol", "github.com/rs/zerolog", "standard library alone"},
		{"protocol", module + "/store", "standard library alone"},
		{"protocol", "encoding/json", ""},
		{"protocol/client", module + "/store", "links no server"},
		{"protocol/client", module + "/protocol", ""},
		{"protocol/client", "github.com/coder/websocket", ""},
		{"protocol/client", "github.com/coder/websocket/internal/util", ""},
		{"protocol/client", "github.com/rs/zerolog", "and nothing else"},
		{"examples/bot", module + "/protocol/client", ""},
		{"examples/bot", module + "/store/memory", "the client alone"},
		{"examples/bot", "github.com/spf13/cobra", "the client alone"},
		{"client-js", module + "/protocol", "no code"},
		{"client-js", "embed", ""},
		{"hub", "net/http", "neither HTTP nor WebSocket"},
		{"store/redis", "net/http/httptrace", "neither HTTP nor WebSocket"},
		{"store", "github.com/coder/websocket", "neither HTTP nor WebSocket"},
		{"hub", "net", ""},
		{"store", module + "/hub", "below the hub"},
		{"store/memory", module + "/transport", "below the hub"},
		{"store/memory", module + "/store", ""},
		{"hub", module + "/transport/ws", "below the transports"},
		{"hub", module + "/store", ""},
		{"transport/ws", module + "/internal/config", "put together"},
		{"transport/ws", module + "/hub", ""},
		{"store/redis", module + "/store/memory", "each store"},
		{"store/memcache", module + "/store/memcache/php", ""},
		{"store/memlog", module + "/store/mcwire", ""},
		{"store/mcwire", module + "/store/memlog", "each store"},
		{"store/commchannel", module + "/store", ""},
		{"store/commchannel", module + "/store/memcache", "each store"},
		{"store/memcache/php", module + "/store/memcache", ""},
		{"transport/longpoll", module + "/transport/legacy", "each transport"},
		{"transport/longpoll", module + "/transport", ""},
		{"transport", module + "/store/memory", "stores there are"},
		{"internal/metrics", module + "/store/memcache", "stores there are"},
		{"internal/gateway", module + "/store/memcache", ""},
		{"internal/inspect", module + "/store/memcache", ""},
		{"internal/inspect", module + "/hub", "from outside, with no gateway"},
		{"internal/doctor", module + "/protocol", ""},
		{"internal/doctor", module + "/store/mcwire", ""},
		{"internal/doctor", "github.com/coder/websocket", ""},
		{"internal/doctor", module + "/transport", "where a client stands"},
		{"internal/gateway", module + "/internal/gateway/settings", ""},
		{"cmd/gateway", module + "/store/memory", ""},
		{"internal/gateway", module + "/store/storetest", "for tests"},
		{"internal/gateway", module + "/cmd/gateway", "for people"},
		{"internal/demo", module + "/internal/gateway", "puts everything together"},
		{"cmd/gateway", module + "/internal/gateway", ""},
		{"internal/cli", module + "/internal/gateway", "puts everything together"},
		{"internal/cli", module + "/internal/gateway/settings", ""},
		{"internal/cli", module + "/hub", "from outside"},
		{"internal/cli", module + "/protocol/client", ""},
		{"internal/cli", module + "/internal/shadow", ""},
		{"internal/shadow", module + "/store", "from outside"},
		{"internal/shadow", module + "/internal/cli", "the command that shows it"},
		{"internal/shadow", module + "/internal/phpserial", ""},
		{"internal/gateway", module + "/e2e", "from outside"},
		{"internal/gateway", module + "/e2e/conformance/servers", "from outside"},
		{"e2e/conformance", module + "/e2e/conformance/servers", ""},
		{"e2e/conformance/servers", module + "/protocol", "decodes frames itself"},
		{"e2e/conformance/clients", "github.com/coder/websocket", "decodes frames itself"},
		{"e2e/conformance/drivers/goclient", module + "/protocol/client", ""},
		{"e2e/conformance/drivers/goclient", module + "/hub", "as somebody else's would"},
		{"hubris", "net/http", ""}, // only begins like hub
	}
	hit := make([]bool, len(structure))
	for _, e := range edges {
		t.Run(e.from+" imports "+strings.TrimPrefix(e.to, module+"/"), func(t *testing.T) {
			made := []pkg{{ImportPath: module + "/" + e.from, Imports: []string{e.to}, Deps: []string{e.to}}}
			got := violations(structure, made)
			found := slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, e.why) })
			if e.why == "" && len(got) > 0 || e.why != "" && !found {
				t.Errorf("got %q, want a violation with %q", got, e.why)
			}
			for i := range structure {
				hit[i] = hit[i] || len(violations(structure[i:i+1], made)) > 0
			}
		})
	}
	for i, r := range structure {
		if !hit[i] {
			t.Errorf("no edge here breaks the rule %q", r.why)
		}
	}
}

// A forbidden import is found behind another package where the rule is deep.
func TestDeepViolationsAreFound(t *testing.T) {
	made := []pkg{{
		ImportPath: module + "/protocol/client",
		Imports:    []string{"example.org/between"},
		Deps:       []string{"example.org/between", module + "/hub"},
	}}
	want := "./protocol/client imports ./hub: a Go program that uses protocol/client links no server"
	if got := violations(structure, made); !slices.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, p := range packages(t) {
		if fault := docFault(p); fault != "" {
			t.Errorf("%s: %s", p.ImportPath, fault)
		}
	}
}

func TestDocFaultsAreFound(t *testing.T) {
	files := []string{"x.go"}
	for _, tt := range []struct {
		name  string
		p     pkg
		fault bool
	}{
		{"a library", pkg{ImportPath: "m/hub", Name: "hub", GoFiles: files, Doc: "Package hub fans messages out."}, false},
		{"a command", pkg{ImportPath: "m/cmd/gateway", Name: "main", GoFiles: files, Doc: "Command gateway serves."}, false},
		{"tests alone", pkg{ImportPath: "m/e2e", Name: "e2e"}, false},
		{"no doc", pkg{ImportPath: "m/hub", Name: "hub", GoFiles: files}, true},
		{"another's doc", pkg{ImportPath: "m/hub", Name: "hub", GoFiles: files, Doc: "Package store keeps."}, true},
		{"a longer name's doc", pkg{ImportPath: "m/hub", Name: "hub", GoFiles: files, Doc: "Package hubs fan."}, true},
		{"nothing but the name", pkg{ImportPath: "m/hub", Name: "hub", GoFiles: files, Doc: "Package hub"}, true},
		{"a command as a package", pkg{ImportPath: "m/cmd/gateway", Name: "main", GoFiles: files, Doc: "Package main serves."}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := docFault(tt.p); (got != "") != tt.fault {
				t.Errorf("got %q, want a fault: %t", got, tt.fault)
			}
		})
	}
}

// packages are those of this module.
func packages(t *testing.T) []pkg {
	t.Helper()
	// -e: what does not compile is the compiler's to tell.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Name,Doc,GoFiles,CgoFiles,Imports,Deps", "./...")
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %v\n%s", err, e.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.ImportPath, "/node_modules/") {
			all = append(all, p)
		}
	}
	if !slices.ContainsFunc(all, func(p pkg) bool { return p.ImportPath == module+"/protocol" }) {
		t.Fatalf("go list found %d packages, and protocol is not among them", len(all))
	}
	return all
}

// violations are the imports that break a rule, with its reason.
func violations(rules []forbidden, packages []pkg) []string {
	var found []string
	for _, r := range rules {
		for _, p := range packages {
			imports := p.Imports
			if r.deep {
				imports = p.Deps
			}
			for _, to := range imports {
				if r.breaks(within(p.ImportPath), within(to)) {
					found = append(found, fmt.Sprintf("%s imports %s: %s", within(p.ImportPath), within(to), r.why))
				}
			}
		}
	}
	return found
}

func (r forbidden) breaks(from, to string) bool {
	if matches(r.shared, to) {
		return false
	}
	if r.sibling != "" {
		a, b := child(r.sibling, from), child(r.sibling, to)
		return a != "" && b != "" && a != b
	}
	if !matches(r.from, from) || matches(r.but, from) || from == to {
		return false
	}
	if r.outside {
		host, _, _ := strings.Cut(to, "/")
		return strings.Contains(host, ".") || ours(to)
	}
	return matches(r.to, to)
}

// within is an import path with "./" for this module's own.
func within(path string) string {
	if rest, ok := strings.CutPrefix(path, module+"/"); ok {
		return "./" + rest
	}
	return path
}

func ours(path string) bool { return strings.HasPrefix(path, "./") }

func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		root, below := strings.CutSuffix(pattern, "/...")
		return path == root || below && strings.HasPrefix(path, root+"/")
	})
}

// child is the folder below parent that our package is in, "" if it is in none.
func child(parent, path string) string {
	rest, ok := strings.CutPrefix(path, parent+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// docFault tells what is wrong with p's doc comment.
func docFault(p pkg) string {
	if len(p.GoFiles)+len(p.CgoFiles) == 0 {
		return "" // tests alone
	}
	want := "Package " + p.Name + " "
	if p.Name == "main" {
		want = "Command " + p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:] + " "
	}
	if !strings.HasPrefix(p.Doc, want) {
		return fmt.Sprintf("its doc comment begins with %.40q, want %q", p.Doc, want)
	}
	return ""
}
