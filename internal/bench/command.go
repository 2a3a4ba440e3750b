package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

const commandHelp = `Bench opens subscribers to a running gateway, publishes, and tells what came,
in which order, when, and, with --pid on Linux, what it cost the gateway.

Every subscriber checks that no message is lost, doubled or out of order; if
one is, or a connection ends, the command fails.

The transport is websocket, longpoll, or poll, which is the original polling
clients: a GET, its answer, and half a second's pause.`

const commandExample = `  # 1000 subscribers of one channel, as many messages as go
  gateway bench --pid $(pgrep -x gateway)

  # 100 messages a second, for a minute
  gateway bench --rate 100 --duration 1m

  # 200 long-polls, each of 3 channels of 10, and 4 publishers
  gateway bench --transport longpoll --subscribers 200 --channels 10 --channels-each 3 --publishers 4 --rate 50

  # what do 5000 connections cost that do nothing, opened 1000 at a time?
  gateway bench --idle --subscribers 5000 --connecting 1000 --pid $(pgrep -x gateway)`

// Command is the program's "bench".
func Command() *cobra.Command {
	var o Options
	var output string
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Load a running gateway and measure it",
		Long:    commandHelp,
		Example: commandExample,
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.URL, "url", "ws://127.0.0.1:8080/channel", "`URL` of the gateway")
	f.StringVar(&o.Transport, "transport", overWebSocket, "websocket, longpoll or poll")
	f.IntVar(&o.Subscribers, "subscribers", 1000, "connections, spread over the channels")
	f.IntVar(&o.Channels, "channels", 1, "channels")
	f.IntVar(&o.Each, "channels-each", 1, "channels that each subscriber follows")
	f.IntVar(&o.Publishers, "publishers", 1, "connections that publish")
	f.IntVar(&o.Size, "size", 128, "`bytes` of a message's payload")
	f.IntVar(&o.Rate, "rate", 0, "messages a second over all channels; 0: as many as go")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "how long to publish")
	f.DurationVar(&o.Settle, "settle", 2*time.Second, "how long to rest once all are connected, before memory is read")
	f.BoolVar(&o.Idle, "idle", false, "only connect")
	f.IntVar(&o.Connecting, "connecting", 64, "connections that are opened at a time")
	f.DurationVar(&o.Pause, "pause", 500*time.Millisecond, "of transport poll, between an answer and the next poll")
	f.IntVar(&o.Readers, "readers", 0, "threads that read; 0: half as many as there are cores")
	f.IntSliceVar(&o.PIDs, "pid", nil, "the gateway's `process`, to tell its CPU and memory (repeatable)")
	f.StringVarP(&output, "output", "o", "text", "text or json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if output != "text" && output != "json" {
			return fmt.Errorf("bench: the output is text or json, not %q", output)
		}
		if w := cmd.ErrOrStderr(); isTerminal(w) {
			o.Progress = w
		}
		r, err := Run(cmd.Context(), o)
		if r.ConnectTime == 0 {
			return err // there is nothing to tell
		}
		return errors.Join(r.write(cmd.OutOrStdout(), output == "json"), err)
	}
	return cmd
}

func (r *Result) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r.summary())
	}
	return r.Report(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
