package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

const subHelp = `Sub prints the messages of channels as they come, each on one line: time, channel,
sender, type and payload. With -o json each line is a frame as docs/protocol.md
has it.

Breaks of the connection are told on the standard error output, and no message
is lost over them. Where messages can't be had any more, that is told there, too,
and with -o json by a frame "gap".

Exit code 0: it was interrupted, nobody reads on, or --count or --timeout is
reached; 1: it failed, or --timeout is over before --count; 2: wrong usage.`

const subExample = `  # a channel as it goes, from its last ten messages on
  gateway sub room --history 10

  # several channels of another gateway
  gateway sub room news --url https://push.shop.example/channel

  # a script that waits for the next order, for a minute at most
  gateway sub shop --type order --count 1 --timeout 1m -o json

  # go on behind the last message that was seen, by its cursor
  gateway sub room --since m3.1795389286619.k7 -o json`

type subOptions struct {
	since   string
	history int
	types   []string
	count   int
	timeout time.Duration
}

func subCommand(environ []string) *cobra.Command {
	var o subOptions
	cmd := &cobra.Command{
		Use:     "sub CHANNEL...",
		Short:   "Print the messages of channels as they come",
		Long:    subHelp,
		Example: subExample,
		Args:    flags.Arguments(1, 0),
	}
	f := cmd.Flags()
	f.IntVar(&o.history, "history", 0, "begin with so many of the newest messages of each channel")
	f.StringVar(&o.since, "since", "", "begin behind the message with this `cursor`, which -o json tells")
	f.StringArrayVar(&o.types, "type", nil, "only messages of this `type` (repeatable)")
	f.IntVar(&o.count, "count", 0, "end after so many messages; 0: never")
	f.DurationVar(&o.timeout, "timeout", 0, "end after so long; 0: never")
	flags.Free(cmd, "history", "since", "type", "count", "timeout")
	return command(cmd, environ, o.run)
}

func (o *subOptions) check(channels []string) error {
	switch {
	case o.history < 0 || o.history > protocol.MaxHistory:
		return usagef("--history: %d is not from 0 to %d", o.history, protocol.MaxHistory)
	case o.count < 0:
		return usagef("--count: can't be negative")
	case o.timeout < 0:
		return usagef("--timeout: can't be negative")
	case o.since != "" && o.history > 0:
		return usagef("--since and --history exclude each other")
	case o.since != "" && len(channels) > 1:
		return usagef("--since is a place in one channel, and %d are named", len(channels))
	}
	if o.since != "" {
		if err := protocol.CheckCursor(protocol.Cursor(o.since)); err != nil {
			return usagef("--since: %s", oneLine(err))
		}
	}
	return checkChannels(channels...)
}

// errTimeout ends what has a --timeout.
var errTimeout = errors.New("cli: the time is over")

func (o *subOptions) run(ctx context.Context, s *session, channels []string) error {
	if err := o.check(channels); err != nil {
		return err
	}
	ctx, stop := s.whileRead(ctx)
	defer stop()
	err := o.listen(ctx, s, channels)
	if ctx.Err() != nil {
		return nil // it ends by an interrupt, or with its reader
	}
	return err
}

func (o *subOptions) listen(ctx context.Context, s *session, channels []string) error {
	c, end, err := s.connect(ctx, nil)
	if err != nil {
		return err
	}
	defer end()
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeout)
		defer cancel()
	}
	var subs []*client.Subscription
	for _, name := range channels {
		sub, err := c.Channel(name).Subscribe(ctx, client.SubscribeOptions{Since: protocol.Cursor(o.since), History: o.history})
		if err != nil {
			return fmt.Errorf("channel %s: %w", name, err)
		}
		subs = append(subs, sub)
	}
	return o.print(ctx, s, subs)
}

// heard is what a subscription has brought.
type heard struct {
	message *client.Message
	err     error
}

// print prints what comes, until the context ends or there is enough.
func (o *subOptions) print(ctx context.Context, s *session, subs []*client.Subscription) error {
	reading, cancel := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	news := make(chan heard)
	for _, sub := range subs {
		readers.Go(func() {
			for m, err := range sub.Messages(reading) {
				if reading.Err() != nil {
					return
				}
				select {
				case news <- heard{m, err}:
				case <-reading.Done():
					return
				}
			}
		})
	}
	return o.printAll(ctx, s, news)
}

func (o *subOptions) printAll(ctx context.Context, s *session, news <-chan heard) error {
	p := s.printer()
	for printed := 0; ; {
		select {
		case <-ctx.Done():
			return o.over(ctx, printed)
		case h := <-news:
			took, err := o.take(s, p, h)
			if err != nil {
				return err
			}
			if took {
				printed++
			}
			if o.count > 0 && printed == o.count {
				return nil
			}
		}
	}
}

// take prints h, and reports whether it was a message that was asked for.
func (o *subOptions) take(s *session, p *printer, h heard) (bool, error) {
	gap, isGap := errors.AsType[*client.GapError](h.err)
	switch {
	case isGap:
		s.note("channel %s: messages may be missing here, the gateway does not have them any more", gap.Channel)
		if !s.json {
			return false, nil
		}
		return false, p.frame(&protocol.ServerFrame{Op: protocol.OpGap, Channel: gap.Channel, Cursor: gap.Cursor})
	case h.err != nil:
		return false, h.err
	case !o.wants(h.message.Type):
		return false, nil
	}
	return true, p.message(h.message)
}

func (o *subOptions) wants(typ string) bool {
	return len(o.types) == 0 || slices.Contains(o.types, typ)
}

// over is how it ends when the context does.
func (o *subOptions) over(ctx context.Context, printed int) error {
	if errors.Is(context.Cause(ctx), errTimeout) && o.count > 0 {
		return fmt.Errorf("%d of %d messages came within %v", printed, o.count, o.timeout)
	}
	return nil
}
