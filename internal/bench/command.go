package bench

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/internal/terminal"
)

const commandHelp = `Bench opens subscribers to a running gateway, publishes, and tells what came,
in which order, when, and, with --pid on Linux, what it cost the gateway.

Every subscriber checks that no message is lost, doubled or out of order; if
one is, or a connection ends, the command fails.

The transport is websocket, longpoll, or poll, which is the original polling
clients: a GET, its answer, and half a second's pause.

Exit code 0: all came as it was sent; 1: not, or it could not be measured; 2:
wrong usage.`

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
	o := Options{URL: "ws://127.0.0.1:8080/channel", Transport: overWebSocket}
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Load a running gateway and measure it",
		Long:    commandHelp,
		Example: commandExample,
		Args:    flags.NoArguments,
	}
	transports := []string{overWebSocket, overLongPoll, overPoll}
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(settings.Text(&o.URL, checkTarget), "url", "`URL` of the gateway")
	f.Var(settings.OneOf(&o.Transport, transports...), "transport", "`way` to the gateway: "+strings.Join(transports, ", "))
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
	output := flags.Output(cmd, "text", "json")
	flags.Complete(cmd, "transport", flags.Words(transports...))
	flags.Free(cmd, "url", "subscribers", "channels", "channels-each", "publishers", "size", "rate", "duration",
		"settle", "connecting", "pause", "readers", "pid")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := o.withDefaults(); err != nil {
			return settings.Mistakes{err}
		}
		if w := cmd.ErrOrStderr(); terminal.Is(w) {
			o.Progress = w
		}
		r, err := Run(cmd.Context(), o)
		if r.ConnectTime == 0 {
			return err // there is nothing to tell
		}
		return errors.Join(r.write(cmd.OutOrStdout(), *output == "json"), err)
	}
	return cmd
}

func checkTarget(s string) error {
	_, err := parseTarget(s)
	return err
}

func (r *Result) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r.summary())
	}
	return r.Report(w)
}
