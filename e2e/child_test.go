package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// logTail is how many of a child's last lines are shown when a test fails.
const logTail = 60

// longestShown is how much of a line is shown, in bytes.
const longestShown = 500

// A child is a process that ends with its test.
type child struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	said  journal[string] // lines of stdout
	all   journal[string] // lines of stdout and stderr, as they came
	ended chan struct{}   // closed once the process has ended and all it said is here

	writing sync.Mutex // of stdin
}

// spawn starts cmd. Each line of stdout goes to heard, too, unless that is nil.
func spawn(t *testing.T, name string, cmd *exec.Cmd, heard func(line string)) *child {
	t.Helper()
	c := &child{name: name, cmd: cmd, ended: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdin = stdin
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go c.listen(stdout, stderr, heard)
	t.Cleanup(func() {
		c.kill()
		if t.Failed() {
			t.Logf("what %s wrote:\n%s", name, c.tail())
		}
	})
	return c
}

func (c *child) listen(stdout, stderr io.Reader, heard func(string)) {
	var both sync.WaitGroup
	both.Go(func() {
		readLines(stdout, func(line string) {
			c.all.add(line)
			c.said.add(line)
			if heard != nil {
				heard(line)
			}
		})
	})
	both.Go(func() { readLines(stderr, func(line string) { c.all.add(line) }) })
	both.Wait()
	_ = c.cmd.Wait() // tests look at ProcessState
	close(c.ended)
}

func readLines(r io.Reader, line func(string)) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := in.ReadString('\n')
		if text != "" {
			line(strings.TrimSuffix(text, "\n"))
		}
		if err != nil {
			return // the process has ended
		}
	}
}

// write writes a line to stdin.
func (c *child) write(line []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// kill ends the process and its children at once, if they still run, and
// waits for it.
func (c *child) kill() {
	select {
	case <-c.ended: // its process id may be somebody else's by now
	default:
		endGroup(c.cmd.Process)
		<-c.ended
	}
}

// leave waits for the process to end by itself, and returns its exit code.
func (c *child) leave(t *testing.T) int {
	t.Helper()
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s did not end within %v", c.name, patience)
		return -1
	}
}

// started waits for a line of either output that right takes, and returns it.
func (c *child) started(t *testing.T, right func(line string) bool) string {
	t.Helper()
	line, err := c.await(&c.all, 0, patience, right)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// awaitSaid waits for the line of stdout at a place.
func (c *child) awaitSaid(at int, within time.Duration) (string, error) {
	return c.await(&c.said, at, within, func(string) bool { return true })
}

// await waits for a line from place next on that right takes. It does not wait
// for one that can't come, because the process has ended.
func (c *child) await(lines *journal[string], next int, within time.Duration, right func(string) bool) (string, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for ended := false; ; {
		list, grown := lines.look()
		for ; next < len(list); next++ {
			if right(list[next]) {
				return list[next], nil
			}
		}
		if ended {
			return "", fmt.Errorf("%s has ended: %v", c.name, c.cmd.ProcessState)
		}
		select {
		case <-grown:
		case <-c.ended:
			ended = true // and look once more
		case <-deadline.C:
			return "", fmt.Errorf("%s did not say within %v what was waited for", c.name, within)
		}
	}
}

func (c *child) tail() string {
	lines := c.all.all()
	var b strings.Builder
	for _, line := range lines[max(0, len(lines)-logTail):] {
		if len(line) > longestShown {
			line = line[:longestShown] + "..."
		}
		b.WriteString("\t" + line + "\n")
	}
	return b.String()
}
