package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

const pubHelp = `Pub sends a message to a channel, and ends once the gateway's store has it. With
-o json it prints the frame "sent", with the message's id and cursor.

PAYLOAD is JSON if it can be read as such, and a text else; --json and --text
leave no doubt. Without one it is null. "-" reads it from the standard input: all
of it, without the line break at its end; or with --lines a message from each
line that is not blank, in their order. One that begins with a dash goes behind
"--", as in: gateway pub room number -- -5

Exit code 0: sent; 1: not, or not known; 2: wrong usage.`

const pubExample = `  # a text
  gateway pub room msg 'Hello there!'

  # JSON; with its id and cursor for programs
  gateway pub shop order '{"item": 7, "count": 2}' -o json

  # a message from each line of a file
  gateway pub log line --lines - < app.log

  # sent twice, it is one message: within two minutes ids are known again
  gateway pub shop paid 4711 --id paid-4711 && gateway pub shop paid 4711 --id paid-4711

  # answer a message by its id
  gateway pub bots sum 42 --reply-to g17-a3`

type pubOptions struct {
	payloadKind
	lines   bool
	id      string
	replyTo string
	timeout time.Duration
}

func pubCommand(environ []string) *cobra.Command {
	var o pubOptions
	cmd := &cobra.Command{
		Use:     "pub CHANNEL TYPE [PAYLOAD|-]",
		Short:   "Send a message to a channel",
		Long:    pubHelp,
		Example: pubExample,
		Args:    flags.Arguments(2, 3),
	}
	o.payloadKind.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.lines, "lines", false, "with -: each line is a message")
	f.StringVar(&o.id, "id", "", "the message's `id`; one is made up without")
	f.StringVar(&o.replyTo, "reply-to", "", "`id` of the message that this one answers")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to try, for each message")
	flags.Free(cmd, "id", "reply-to", "timeout")
	return command(cmd, environ, o.run)
}

func (o *pubOptions) check(args []string) error {
	switch {
	case o.lines && (len(args) < 3 || args[2] != fromStdin):
		return usagef("--lines reads the standard input, which is - in the place of PAYLOAD")
	case o.lines && o.id != "":
		return usagef("--id names one message, and --lines sends several")
	}
	return o.checkSend(protocol.ClientFrame{Channel: args[0], Type: args[1], ID: o.id, ReplyTo: o.replyTo}, o.timeout)
}

func (o *pubOptions) run(ctx context.Context, s *session, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	if o.lines {
		return o.sendLines(ctx, s, args)
	}
	payload, err := o.argument(ctx, s, args)
	if err != nil {
		return err
	}
	return s.within(ctx, o.timeout, func(ctx context.Context, c *client.Client) error {
		return o.send(ctx, s, c, args, payload)
	})
}

// sendLines sends the lines of the standard input, one after the other.
func (o *pubOptions) sendLines(ctx context.Context, s *session, args []string) error {
	c, end, err := s.connect(ctx, nil)
	if err != nil {
		return err
	}
	defer end()
	in := bufio.NewReader(s.in)
	for number := 1; ; number++ {
		line, err := nextLine(ctx, in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && len(bytes.TrimSpace(line)) > 0 {
			err = o.sendLine(ctx, s, c, args, line)
		}
		if err != nil {
			return fmt.Errorf("line %d, those before it are sent: %w", number, err)
		}
	}
}

func (o *pubOptions) sendLine(ctx context.Context, s *session, c *client.Client, args []string, line []byte) error {
	payload, err := o.payload(line)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return o.send(ctx, s, c, args, payload)
}

// send sends a message, and prints what became of it.
func (o *pubOptions) send(ctx context.Context, s *session, c *client.Client, args []string, payload json.RawMessage) error {
	receipt, err := c.Channel(args[0]).SendMessage(ctx, client.Outgoing{
		Type: args[1], Payload: payload, ID: o.id, ReplyTo: o.replyTo,
	})
	switch {
	case errors.Is(err, client.ErrUnconfirmed):
		return fmt.Errorf("whether the gateway has taken the message is not known (%w); "+
			"within two minutes, --id %s sends it again without doubling it", err, receipt.ID)
	case err != nil || !s.json:
		return err
	}
	return s.printer().frame(&protocol.ServerFrame{
		Op: protocol.OpSent, Channel: args[0], ID: receipt.ID, Cursor: receipt.Cursor,
	})
}
