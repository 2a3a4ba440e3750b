package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs the gateway to its end, which is to come by itself.
func run(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	c := spawn(t, "gateway "+strings.Join(args, " "), gatewayCommand(t, args...), nil)
	code = c.leave(t)
	return code, strings.Join(c.all.all(), "\n")
}

func TestBadConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:0\nstroe: memory://\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, output := run(t, "--config", file)
	if code != 2 {
		t.Errorf("exit code: got %d, want 2", code)
	}
	for _, want := range []string{file + ":2:", "stroe", "store"} {
		if !strings.Contains(output, want) {
			t.Errorf("output: got %q, want something with %q", output, want)
		}
	}
}

func TestVersion(t *testing.T) {
	code, output := run(t, "--version")
	if code != 0 || !strings.Contains(output, "gateway") || strings.Contains(output, "\n") {
		t.Errorf("--version: got exit code %d and %q, want 0 and one line that names the gateway", code, output)
	}
}
