package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait. It is long: nothing of what is waited for
// should take a tenth of it, but a loaded machine may.
const patience = 30 * time.Second

// built is where the gateway's binary is, and what went wrong.
type built struct {
	path, fault string
}

// gatewayBinary builds the gateway, once, with the race detector.
var gatewayBinary = sync.OnceValue(func() built {
	if err := readFolders(".."); err != nil {
		return built{fault: err.Error()}
	}
	path := filepath.Join(scratch, "gateway")
	out, err := exec.Command("go", "build", "-race", "-o", path, "../cmd/gateway").CombinedOutput()
	if err != nil {
		return built{fault: fmt.Sprintf("go build -race ../cmd/gateway: %v\n%s", err, out)}
	}
	return built{path: path}
})

// scratch is a folder that goes with the tests.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "gateway-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(scratch)
		os.Exit(code)
	}))
}

// readFolders lists the folders of the whole project, and does no more with
// them: the go command takes a result from its cache if no folder that a test
// has read has changed, and knows nothing of what the built gateway, PHP and
// node are made of.
func readFolders(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return err
	})
}

// gatewayCommand is the gateway with args, not yet started.
func gatewayCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	b := gatewayBinary()
	if b.fault != "" {
		t.Fatal(b.fault)
	}
	cmd := exec.Command(b.path, args...)
	// The race detector need not wait a second at the end of a process.
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// need fails t, in a way that says what to do, where programs or files are
// missing. Nothing is skipped: a test that did not run has shown nothing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: run make test (or scripts/test-deps)", err)
		}
	}
}

func needFile(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make test (or scripts/test-deps)", err)
	}
}
