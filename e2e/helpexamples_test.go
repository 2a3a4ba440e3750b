package e2e

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	program "github.com/commchannel/gateway/internal/gateway"
)

// A helpLine is a line of shell in the examples of a command's --help.
type helpLine struct {
	command string // whose it is, like "gateway inspect"
	text    string // as it stands there, on one line
}

// A helpTest runs a line of shell and looks at what comes of it.
type helpTest func(t *testing.T, l helpLine)

// helpTests has a test for each line. Those of a command are in the file with
// its other tests.
func helpTests() map[string]helpTest {
	all := make(map[string]helpTest)
	for _, some := range []map[string]helpTest{
		rootHelp(),
		benchHelp(),
		configHelp(),
		inspectHelp(),
		cliHelp(),
		shadowHelp(),
		doctorHelp(),
	} {
		maps.Copy(all, some)
	}
	return all
}

// benchHelp runs the examples of "gateway bench --help", with less of all.
func benchHelp() map[string]helpTest {
	test := func(want string, less ...string) helpTest {
		return func(t *testing.T, l helpLine) {
			g := startGateway(t)
			pid := strconv.Itoa(g.child.cmd.Process.Pid)
			oldNew := append([]string{"gateway bench", "gateway bench --url ws://" + g.addr + "/channel --settle 10ms"}, less...)
			if strings.Contains(l.text, "pgrep") {
				oldNew = append(oldNew, "$(pgrep -x gateway)", pid)
			}
			l.run(t, t.TempDir(), oldNew...).want(t, 0, want)
		}
	}
	return map[string]helpTest{
		"gateway bench --pid $(pgrep -x gateway)": test("subscribers", "--settle 10ms", "--settle 10ms --subscribers 20 --duration 200ms"),
		"gateway bench --rate 100 --duration 1m":  test("subscribers", "1m", "200ms --subscribers 20"),
		"gateway bench --transport longpoll --subscribers 200 --channels 10 --channels-each 3 --publishers 4 --rate 50": test(
			"longpoll", "--subscribers 200", "--subscribers 20 --duration 200ms"),
		"gateway bench --idle --subscribers 5000 --connecting 1000 --pid $(pgrep -x gateway)": test("20 ", "5000", "20"),
	}
}

// What --help shows does what it says. An example that no test runs is a
// fault, and so is a test of one that is not there.
func TestHelpExamples(t *testing.T) {
	tests := helpTests()
	unused := maps.Clone(tests)
	for _, l := range helpLines(t) {
		test, ok := tests[l.text]
		if !ok {
			t.Errorf("%s --help has an example that no test runs:\n\t%s", l.command, l.text)
			continue
		}
		delete(unused, l.text)
		t.Run(l.text, func(t *testing.T) { test(t, l) })
	}
	for text := range unused {
		t.Errorf("no command's --help has the example that is tested here:\n\t%s", text)
	}
}

// Each command that does something shows how.
func TestEachCommandHasExamples(t *testing.T) {
	for _, c := range commands(program.Command("v0", nil)) {
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s --help has no examples", c.CommandPath())
		}
	}
}

// helpLines are all lines of shell in all examples. One that ends with a
// backslash goes on in the next.
func helpLines(t *testing.T) []helpLine {
	t.Helper()
	goesOn := regexp.MustCompile(`\\\n\s*`)
	var lines []helpLine
	for _, c := range commands(program.Command("v0", nil)) {
		for line := range strings.SplitSeq(goesOn.ReplaceAllString(c.Example, ""), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				lines = append(lines, helpLine{c.CommandPath(), line})
			}
		}
	}
	if len(lines) == 0 {
		t.Fatal("no command has an example")
	}
	return lines
}

// commands are c and all below it, without those that cobra adds by itself.
func commands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		list = append(list, commands(sub)...)
	}
	return list
}

// shell is bash with the line, in a folder. "gateway" is the built one. oldNew
// are pairs: what the line must hold, and what stands in its place here, such
// as an address.
func (l helpLine) shell(t *testing.T, dir string, oldNew ...string) *exec.Cmd {
	t.Helper()
	need(t, "bash")
	text := l.text
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("there is no %q in the example", oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	built := gatewayCommand(t)
	cmd := exec.Command("bash", "-c", text)
	cmd.Dir = dir
	cmd.Env = append(built.Env, "PATH="+filepath.Dir(built.Path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
}

// A ran is what a command has left.
type ran struct {
	code           int
	stdout, stderr string
}

// run runs the line to its end; see shell.
func (l helpLine) run(t *testing.T, dir string, oldNew ...string) ran {
	t.Helper()
	return runToEnd(t, l.shell(t, dir, oldNew...))
}

// start runs a line that does not end by itself; see shell.
func (l helpLine) start(t *testing.T, dir string, oldNew ...string) *child {
	t.Helper()
	return spawn(t, l.text, l.shell(t, dir, oldNew...), nil)
}

// runToEnd runs a command that is to end by itself, with nothing on its stdin.
func runToEnd(t *testing.T, cmd *exec.Cmd) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = time.Second // for those it has left behind, which hold its output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { endGroup(cmd.Process) })
	_ = cmd.Wait() // its exit code tells
	if !stop() {
		t.Fatalf("%q did not end within %v\n%s%s", cmd.Args, patience, stdout.String(), stderr.String())
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// gatewayRan runs the gateway with args to its end.
func gatewayRan(t *testing.T, args ...string) ran {
	t.Helper()
	return runToEnd(t, gatewayCommand(t, args...))
}

// want fails t unless the command has ended with this code, and has written
// all these pieces to stdout.
func (r ran) want(t *testing.T, code int, pieces ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code: got %d, want %d", r.code, code)
	}
	for _, piece := range pieces {
		if !strings.Contains(r.stdout, piece) {
			t.Errorf("stdout: got nothing like %q", piece)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}
