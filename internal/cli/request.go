package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

const requestHelp = `Request sends a message to a channel, waits for the first answer to it, and prints
that as "gateway sub" prints a message. PAYLOAD is as with "gateway pub".

Exit code 0: answered; 1: not in time, or it failed; 2: wrong usage.`

const requestExample = `  # what is the sum? A program that answers is examples/bot
  gateway request bots add '[20, 22]'

  # all of the answer, for programs
  gateway request bots time --timeout 2s -o json`

type requestOptions struct {
	payloadKind
	timeout time.Duration
}

func requestCommand(environ []string) *cobra.Command {
	var o requestOptions
	cmd := &cobra.Command{
		Use:     "request CHANNEL TYPE [PAYLOAD|-]",
		Short:   "Send a message and wait for the answer",
		Long:    requestHelp,
		Example: requestExample,
		Args:    flags.Arguments(2, 3),
	}
	o.payloadKind.addFlags(cmd)
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for the answer")
	flags.Free(cmd, "timeout")
	return command(cmd, environ, o.run)
}

func (o *requestOptions) run(ctx context.Context, s *session, args []string) error {
	if err := o.checkSend(protocol.ClientFrame{Channel: args[0], Type: args[1]}, o.timeout); err != nil {
		return err
	}
	payload, err := o.argument(ctx, s, args)
	if err != nil {
		return err
	}
	return s.within(ctx, o.timeout, func(ctx context.Context, c *client.Client) error {
		return o.ask(ctx, s, c.Channel(args[0]), args[1], payload)
	})
}

// ask prints the answer to a message.
func (o *requestOptions) ask(ctx context.Context, s *session, ch *client.Channel, typ string, payload json.RawMessage) error {
	answer, err := ch.Request(ctx, typ, payload)
	switch {
	case err == nil:
		return s.printer().message(answer)
	case errors.As(err, new(*client.GapError)):
		return fmt.Errorf("no answer came within %v; but messages were missed, which may have been it", o.timeout)
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, client.ErrUnconfirmed):
		return fmt.Errorf("nobody on %s has answered within %v", ch.Name(), o.timeout)
	}
	return err
}
