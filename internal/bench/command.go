package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

const commandHelp = `Bench opens subscribers to a running gateway, publishes, and tells what came,
in which order, when, and, with --pid on Linux, what it cost the gateway.

Every subscriber checks that no message is lost, doubled or out of order; if
one is, the command fails.`

const commandExample = `  # 1000 subscribers of one channel, as many messages as go
  gateway bench --pid $(pgrep -x gateway)

  # 100 messages a second, for a minute
  gateway bench --rate 100 --duration 1m

  # what do 5000 connections cost that do nothing?
  gateway bench --idle --subscribers 5000 --pid $(pgrep -x gateway)`

// Command is the program's "bench".
func Command() *cobra.Command {
	var o Options
	var asJSON bool
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
	f.IntVar(&o.Subscribers, "subscribers", 1000, "connections, spread over the channels")
	f.IntVar(&o.Channels, "channels", 1, "channels")
	f.IntVar(&o.Size, "size", 128, "`bytes` of a message's payload")
	f.IntVar(&o.Rate, "rate", 0, "messages a second over all channels; 0: as many as go")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "how long to publish")
	f.BoolVar(&o.Idle, "idle", false, "only connect")
	f.IntVar(&o.PID, "pid", 0, "the gateway's process, to tell its CPU and memory")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := Run(cmd.Context(), o)
		if err != nil {
			return err
		}
		if asJSON {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(r.summary())
		} else {
			err = r.Report(cmd.OutOrStdout())
		}
		return errors.Join(err, r.fault())
	}
	return cmd
}

// fault tells of messages that did not come as they were sent.
func (r *Result) fault() error {
	if r.Lost == 0 && r.Doubled == 0 {
		return nil
	}
	return fmt.Errorf("bench: %d messages lost, %d doubled or out of order", r.Lost, r.Doubled)
}
