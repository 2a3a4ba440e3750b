package clients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// goodbye is how long a driver has to end by itself.
const goodbye = 10 * time.Second

// A report is a line of a driver.
type report struct {
	Event   string
	ID      string
	Type    string
	From    string
	Payload json.RawMessage
	What    string
}

// text is the payload where that is a text.
func (r report) text() string {
	var s string
	_ = json.Unmarshal(r.Payload, &s) // then it is ""
	return s
}

// A driver is a process that moves a client.
type driver struct {
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	reports *journal[report]
	ended   chan struct{} // closed once the process has ended and all it said is here
}

func startDriver(t *trial.T, command []string) (*driver, error) {
	d := &driver{cmd: exec.Command(command[0], command[1:]...), reports: newJournal[report](), ended: make(chan struct{})}
	stdin, err := d.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	d.stdin = stdin
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go d.listen(t, stdout, stderr)
	return d, nil
}

func (d *driver) listen(t *trial.T, stdout, stderr io.Reader) {
	defer close(d.ended)
	var both sync.WaitGroup
	both.Go(func() {
		lines(stdout, func(line string) {
			t.Frame("driver", "says", line)
			var r report
			if err := json.Unmarshal([]byte(line), &r); err != nil || r.Event == "" {
				r = report{Event: "no report: " + line}
			}
			d.reports.add(r)
		})
	})
	both.Go(func() { lines(stderr, func(line string) { t.Frame("driver", "stderr", line) }) })
	both.Wait()
	_ = d.cmd.Wait() // ProcessState tells
}

func lines(r io.Reader, take func(string)) {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			take(line)
		}
		if err != nil {
			return // the process has ended
		}
	}
}

// do has the driver do something.
func (d *driver) do(command string) error {
	_, err := io.WriteString(d.stdin, command+"\n")
	return err
}

// end ends the process, by itself or else by force.
func (d *driver) end() {
	d.stdin.Close()
	select {
	case <-d.ended:
		return
	case <-time.After(goodbye):
	}
	_ = d.cmd.Process.Kill() // it has ended just now: as good
	<-d.ended
}

// leave is end, and tells of a driver that did not end by itself.
func (d *driver) leave() error {
	d.stdin.Close()
	select {
	case <-d.ended:
	case <-time.After(goodbye):
		return fmt.Errorf("the driver has not ended %v after its standard input", goodbye)
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the driver has ended with %d", code)
	}
	return nil
}
