package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withFile is a folder with a gateway.yaml.
func withFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What check lets pass, starts; what it does not, doesn't, for the same reasons.
func TestConfigCheckIsRight(t *testing.T) {
	dir := withFile(t, "hold: 25\nlisten: [127.0.0.1:0]\norgin: [https://shop.example]\n")
	file := filepath.Join(dir, "gateway.yaml")
	check, start := gatewayRan(t, "config", "check", "--config", file), gatewayRan(t, "--config", file)
	check.want(t, 2)
	if check.stderr != start.stderr || !strings.Contains(check.stderr, file+":1: hold") || !strings.Contains(check.stderr, file+":3: orgin") {
		t.Errorf("check wrote %q, the start %q, want both the lines 1 and 3", check.stderr, start.stderr)
	}
	dir = withFile(t, "hold: 25s\n")
	args := []string{"--config", filepath.Join(dir, "gateway.yaml"), "--listen", anyPort, "--log-format", "json"}
	gatewayRan(t, append([]string{"config", "check"}, args...)...).want(t, 0, "fine")
	g := startGateway(t, args...)
	if code := g.terminate(t); code != 0 {
		t.Errorf("the gateway: got exit code %d, want 0", code)
	}
}

// configHelp runs the examples of "gateway config --help", and of the commands
// below.
func configHelp() map[string]helpTest {
	const good = "hold: 30s\norigin: [https://shop.example]\n"
	return map[string]helpTest{
		"gateway config print --config gateway.yaml": func(t *testing.T, l helpLine) {
			l.run(t, withFile(t, good)).want(t, 0, "https://shop.example   gateway.yaml:2", "30s", "default")
		},
		"gateway config check --config gateway.yaml": func(t *testing.T, l helpLine) {
			l.run(t, withFile(t, good)).want(t, 0, "fine")
			l.run(t, withFile(t, "orgin: [https://shop.example]\n")).want(t, 2)
		},
		"gateway config doc": func(t *testing.T, l helpLine) {
			l.run(t, t.TempDir()).want(t, 0, "--max-message, COMMCHANNEL_MAX_MESSAGE, in the file max-message", "default 64KiB; 1KiB to 1MiB")
		},
		"COMMCHANNEL_HOLD=25 gateway config check --listen 8080 -o json": func(t *testing.T, l helpLine) {
			var said struct {
				Fine     bool
				Mistakes []string
			}
			r := l.run(t, t.TempDir())
			if r.want(t, 2); json.Unmarshal([]byte(r.stdout), &said) != nil || said.Fine || len(said.Mistakes) != 2 {
				t.Errorf("got %q, want two mistakes", r.stdout)
			}
		},
		"COMMCHANNEL_HOLD=40s gateway config print --config gateway.yaml": func(t *testing.T, l helpLine) {
			l.run(t, withFile(t, good)).want(t, 0, "COMMCHANNEL_HOLD", "40s", "gateway.yaml:2")
		},
		"gateway config print -o json": func(t *testing.T, l helpLine) {
			var said map[string]struct{ Value any }
			r := l.run(t, t.TempDir())
			if r.want(t, 0); json.Unmarshal([]byte(r.stdout), &said) != nil || said["hold"].Value != "25s" {
				t.Errorf("got %q, want every setting", r.stdout)
			}
		},
		"gateway config print -o yaml > gateway.yaml": func(t *testing.T, l helpLine) {
			dir := t.TempDir()
			l.run(t, dir).want(t, 0)
			gatewayRan(t, "config", "print", "--config", filepath.Join(dir, "gateway.yaml")).want(t, 0, "gateway.yaml:3")
		},
		"gateway config doc -o markdown": func(t *testing.T, l helpLine) {
			l.run(t, t.TempDir()).want(t, 0, "| `--hold` | `COMMCHANNEL_HOLD` | `hold` | `25s` | 1s to 5m |")
		},
	}
}

// rootHelp runs the examples of "gateway --help".
func rootHelp() map[string]helpTest {
	// Two gateways can't have one address.
	starts := func(t *testing.T, l helpLine, oldNew ...string) {
		t.Setenv("COMMCHANNEL_LISTEN", anyPort)
		c := l.start(t, t.TempDir(), oldNew...)
		addr := listening(c.started(t, func(line string) bool { return listening(line) != "" }))
		answer, err := newHTTP(t).Get("http://" + addr + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("/readyz: got %s, want 200", answer.Status)
		}
	}
	return map[string]helpTest{
		"gateway": func(t *testing.T, l helpLine) { starts(t, l) },
		"gateway --store memcache://127.0.0.1:11211 --origin https://shop.example": func(t *testing.T, l helpLine) {
			starts(t, l, "127.0.0.1:11211", startMemcached(t).Addr)
		},
		"source <(gateway completion bash)": func(t *testing.T, l helpLine) {
			l.run(t, t.TempDir(), "bash)", "bash); complete -p gateway").want(t, 0, "__start_gateway gateway")
		},
	}
}
