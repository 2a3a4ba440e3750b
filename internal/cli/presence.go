package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

const presenceHelp = `Presence prints who is subscribed to a channel, one client id on each line; with
-o json as the frame "presence". The gateway tells of channels that its setting
--presence names, and of its own clients alone.

--watch goes on with who comes and goes: time, "here", "join" or "leave", and the
client id; with -o json frames "presence", "join" and "leave". It subscribes to
the channel, so that others see it as a client, too; itself it leaves out. In a
channel with more than 1000 clients only their number is told, as "crowd".

Exit code 0: fine, or it was interrupted; 1: it failed; 2: wrong usage.`

const presenceExample = `  # who is there?
  gateway presence room

  # for programs, with how many there are
  gateway presence room -o json

  # who comes and goes, until it is interrupted
  gateway presence room --watch`

// presenceAnswer is how long the gateway has for an answer.
const presenceAnswer = 10 * time.Second

type presenceOptions struct{ watch bool }

func presenceCommand(environ []string) *cobra.Command {
	var o presenceOptions
	cmd := &cobra.Command{
		Use:     "presence CHANNEL",
		Short:   "Print who is subscribed to a channel",
		Long:    presenceHelp,
		Example: presenceExample,
		Args:    flags.Arguments(1, 1),
	}
	cmd.Flags().BoolVar(&o.watch, "watch", false, "go on with who comes and goes")
	return command(cmd, environ, o.run)
}

func (o *presenceOptions) run(ctx context.Context, s *session, args []string) error {
	if err := checkChannels(args[0]); err != nil {
		return err
	}
	if !o.watch {
		return list(ctx, s, args[0])
	}
	ctx, stop := s.whileRead(ctx)
	defer stop()
	err := watchChannel(ctx, s, args[0])
	if ctx.Err() != nil {
		return nil // it ends by an interrupt, or with its reader
	}
	return err
}

// list prints who is there now.
func list(ctx context.Context, s *session, channel string) error {
	var there client.Presence
	err := s.within(ctx, presenceAnswer, func(ctx context.Context, c *client.Client) (err error) {
		there, err = c.Channel(channel).Presence(ctx)
		return err
	})
	if err != nil {
		return err
	}
	p := s.printer()
	if s.json {
		return p.frame(presenceFrame(channel, there))
	}
	for _, id := range there.Clients {
		if err := p.line(field(id)); err != nil {
			return err
		}
	}
	if more := there.Count - len(there.Clients); more > 0 {
		s.note("and %d more, whom the gateway does not list", more)
	}
	return nil
}

func presenceFrame(channel string, there client.Presence) *protocol.ServerFrame {
	return &protocol.ServerFrame{Op: protocol.OpPresence, Channel: channel, Clients: there.Clients, Count: there.Count}
}

// watchChannel prints who is there and who comes and goes.
func watchChannel(ctx context.Context, s *session, channel string) error {
	again := make(chan struct{}, 1)
	c, end, err := s.connect(ctx, func() {
		select {
		case again <- struct{}{}:
		default: // it is to be asked anyway
		}
	})
	if err != nil {
		return err
	}
	defer end()
	sub, err := c.Channel(channel).Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		return err
	}
	w := &watch{
		channel: channel, self: c.ClientID(), printer: s.printer(),
		ask: func(ctx context.Context) (client.Presence, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, presenceAnswer, fmt.Errorf("%s has not answered", s.where()))
			defer cancel()
			return c.Channel(channel).Presence(ctx)
		},
		events: sub.Events,
		again:  again,
	}
	return w.run(ctx)
}
