package e2e

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/commchannel/gateway/e2e/conformance/clients"
	"github.com/commchannel/gateway/e2e/conformance/servers"
	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// conformanceArgs are for a gateway all of whose promises can be looked at
// within the kit's time.
var conformanceArgs = []string{"--presence", "conformance-presence-*", "--hold", "5s", "--ping", "5s"}

// kitBinary builds one of the kit's commands, once.
func kitBinary(dir string) func() built {
	return sync.OnceValue(func() built {
		path := filepath.Join(scratch, filepath.Base(dir))
		out, err := exec.Command("go", "build", "-o", path, dir).CombinedOutput()
		if err != nil {
			return built{fault: fmt.Sprintf("go build %s: %v\n%s", dir, err, out)}
		}
		return built{path: path}
	})
}

var (
	conformanceBinary = kitBinary("./conformance")
	goDriverBinary    = kitBinary("./conformance/drivers/goclient")
)

func (b built) must(t *testing.T) string {
	t.Helper()
	if b.fault != "" {
		t.Fatal(b.fault)
	}
	return b.path
}

// wantKept fails t for each promise that was broken, and unless just those
// promises were skipped whose lines begin so.
func wantKept(t *testing.T, results []trial.Result, skipped ...string) {
	t.Helper()
	var skips []string
	for _, r := range results {
		switch r.Status {
		case trial.Fail:
			t.Errorf("%s %d: %s\n%s\n\t%s", r.Section, r.Number, r.Promise, r.Why, strings.Join(r.Frames, "\n\t"))
		case trial.Skip:
			skips = append(skips, r.Promise)
		}
	}
	if diff := cmp.Diff(skipped, skips); diff != "" {
		t.Errorf("skipped promises (-want +got):\n%s", diff)
	}
	if len(results) < 15 {
		t.Errorf("only %d promises were looked at", len(results))
	}
}

func TestGatewayConforms(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *gateway{
		"memory": func(t *testing.T) *gateway { return startGateway(t, conformanceArgs...) },
		"memcached": func(t *testing.T) *gateway {
			return onMemcached(t, startMemcached(t).Addr, conformanceArgs...)
		},
		"memcached, log layout": func(t *testing.T) *gateway {
			return onMemcached(t, startMemcached(t).Addr+"?layout=log", conformanceArgs...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			results, err := servers.Run(t.Context(), servers.Config{URL: start(t).url("/channel")})
			if err != nil {
				t.Fatal(err)
			}
			wantKept(t, results)
		})
	}
}

func TestClientsConform(t *testing.T) {
	t.Parallel()
	need(t, "node", "php")
	needFile(t, "node_modules/ws/package.json")
	const (
		own   = "messages from one's own id are ignored"
		back  = "while the server is unavailable, it backs off, and comes back"
		ahead = "a cursor that is ahead, with nothing behind it, is the place to go on from"
	)
	node := []string{"node", "conformance/drivers/jsclient.mjs"}
	for _, tt := range []struct {
		name, transport string
		driver          []string
		skipped         []string
	}{
		{"Go, WebSocket", clients.WebSocket, nil, nil},
		{"Go, long-poll", clients.LongPoll, nil, nil},
		{"JavaScript, WebSocket", clients.WebSocket, node, nil},
		{"JavaScript, long-poll", clients.LongPoll, node, nil},
		{"PHP", clients.LongPoll, []string{"php", "conformance/drivers/phpclient.php"}, []string{own, back, ahead}},
	} {
		t.Run(tt.name, func(t *testing.T) { // one after the other: each has several processes
			if tt.driver == nil {
				tt.driver = []string{goDriverBinary().must(t)}
			}
			results, err := clients.Run(t.Context(), clients.Config{Driver: tt.driver, Transport: tt.transport})
			if err != nil {
				t.Fatal(err)
			}
			wantKept(t, results, tt.skipped...)
		})
	}
}

func TestConformanceCommand(t *testing.T) {
	t.Parallel()
	g := startGateway(t, conformanceArgs...)
	path := conformanceBinary().must(t)
	ran := func(args ...string) ran { return runToEnd(t, exec.Command(path, args...)) }
	ran("--url", g.url("/channel"), "--only", "One URL 5", "-v").want(t, 0,
		"pass  One URL 5: GET ?getIP answers the client's address as text\n", "-> GET ?getIP\n", "<- 200 127.0.0.1\n", "1 passed, 0 failed, 0 skipped\n")
	ran("--url", g.url("/healthz"), "--only", "One URL").want(t, 2)
	ran("--url", g.url("/channel"), "--only", "no such line").want(t, 2)
	ran("--url", g.url("/channel"), "--client", "x").want(t, 2)
	ran("--client", goDriverBinary().must(t), "--only", "payloads are told").want(t, 0, "pass  Frames 1: payloads are told as they are\n")

	behind := startFaultyProxy(t, g, breach{down: eachText(func(text string) []string { return []string{text, text} })})
	r := ran("--url", behind, "--only", "keep their order", "-o", "json")
	r.want(t, 1)
	var results []trial.Result
	if err := json.Unmarshal([]byte(r.stdout), &results); err != nil || len(results) != 1 {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	got := results[0]
	if got.Section != "What is promised" || got.Number != 2 || got.Status != trial.Fail || got.Why == "" || !slices.ContainsFunc(got.Frames, func(f string) bool {
		return strings.Contains(f, `<- {"op":"welcome"`)
	}) {
		t.Errorf("got %+v", got)
	}
}
