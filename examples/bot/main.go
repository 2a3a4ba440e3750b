// Command bot answers requests on a channel: to a message of the type "time" it
// replies with the time, to one of the type "add" with the sum of the numbers
// in it. It comes back by itself after every break, and ends with an interrupt.
//
//	go run ./cmd/gateway
//	go run ./examples/bot -url http://127.0.0.1:8080 -channel bots
//
// A page on the same gateway, or any other client, asks it:
//
//	import { connect } from "/channelclient.mjs";
//	const bots = connect("/channel").channel("bots");
//	bots.register("sum", (m) => console.log(m.payload)); // 42
//	await bots.send("add", [20, 22]);
//
// and in Go:
//
//	reply, err := c.Channel("bots").Request(ctx, "add", []float64{20, 22})
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/commchannel/gateway/protocol/client"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the gateway's `URL`")
	channel := flag.String("channel", "bots", "`name` of the channel to answer on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *url, *channel); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bot:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url, channel string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	c, err := client.Dial(ctx, url, client.Options{Logger: log})
	if err != nil {
		return err
	}
	defer c.Close()
	b := &bot{channel: c.Channel(channel), log: log}
	sub, err := b.channel.Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		return err
	}
	sub.Handle("time", b.time)
	sub.Handle("add", b.add)
	sub.HandleGap(func(_ context.Context, gap *client.GapError) {
		log.Warn("some requests may have gone without an answer", "error", gap)
	})
	log.Info("answering", "channel", channel)
	return sub.Run(ctx)
}

type bot struct {
	channel *client.Channel
	log     *slog.Logger
}

func (b *bot) time(ctx context.Context, m *client.Message) {
	b.reply(ctx, m, "time", time.Now().Format(time.RFC3339))
}

func (b *bot) add(ctx context.Context, m *client.Message) {
	numbers, err := client.Payload[[]float64](m)
	if err != nil {
		b.reply(ctx, m, "error", "add takes a list of numbers")
		return
	}
	sum := 0.0
	for _, n := range numbers {
		sum += n
	}
	b.reply(ctx, m, "sum", sum)
}

func (b *bot) reply(ctx context.Context, m *client.Message, typ string, payload any) {
	if _, err := b.channel.Reply(ctx, m, typ, payload); err != nil {
		b.log.Error("a reply was not sent", "to", m.From, "error", err)
	}
}
