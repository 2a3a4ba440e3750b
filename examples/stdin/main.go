// Command stdin is a bridge between a terminal, or a pipe, and a channel: each
// line that it reads is sent as a message of the type "msg", and each message
// of others is printed as a line. At the end of its input it leaves, once every
// line has arrived.
//
//	go run ./cmd/gateway
//	go run ./examples/stdin -url http://127.0.0.1:8080 -channel chat
//
// Two of them are a chat, with the demo page, too. With a pipe in front of it,
// it puts a log on a page:
//
//	tail -f /var/log/syslog | go run ./examples/stdin -channel log
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"

	"github.com/commchannel/gateway/protocol/client"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the gateway's `URL`")
	channel := flag.String("channel", "chat", "`name` of the channel")
	id := flag.String("id", "", "client `id`; none: one is made up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// A read of the terminal can't be stopped. Its goroutine ends with the
	// process.
	if err := run(ctx, *url, *channel, *id, os.Stdin, os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "stdin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, channel, id string, in io.Reader, out io.Writer) error {
	c, err := client.Dial(ctx, url, client.Options{ClientID: id})
	if err != nil {
		return err
	}
	defer c.Close()
	ch := c.Channel(channel)
	sub, err := ch.Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "stdin: on %s as %s\n", channel, c.ClientID())

	printed := make(chan error, 1)
	var printing sync.WaitGroup
	printing.Go(func() { printed <- show(ctx, sub, out) })
	defer printing.Wait()
	defer sub.Close()
	sent := make(chan error, 1)
	go func() { sent <- sendLines(ctx, ch, in) }()
	select {
	case err := <-sent:
		return err
	case err := <-printed:
		return err
	}
}

// sendLines sends every line of in, one after the other.
func sendLines(ctx context.Context, ch *client.Channel, in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if _, err := ch.Send(ctx, "msg", lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// show prints what others say, until ctx or the subscription ends.
func show(ctx context.Context, sub *client.Subscription, out io.Writer) error {
	for m, err := range sub.Messages(ctx) {
		if gap, ok := errors.AsType[*client.GapError](err); ok {
			fmt.Fprintln(os.Stderr, "stdin:", gap)
			continue
		}
		if err != nil {
			return err
		}
		text, err := client.Payload[string](m)
		if err != nil {
			text = string(m.Payload) // no text: its JSON
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", m.From, text); err != nil {
			return err
		}
	}
	return nil
}
