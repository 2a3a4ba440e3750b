// Command phpreply and the PHP script beside it reply to each other: PHP's
// NativeCommChannel on a memcached, and Go over a gateway that has its messages
// there.
//
//	memcached
//	go run ./cmd/gateway --store memcache://127.0.0.1:11211 --format 'native-*=native'
//	php examples/phpreply/worker.php 127.0.0.1 11211 native-images
//	go run ./examples/phpreply -url http://127.0.0.1:8080 -channel native-images
//
// Go asks PHP for the size of an image, with sendAndWait's counterpart, Request.
// PHP answers, and asks on its part what currency prices are in, which Go
// answers with a Reply. Values arrive as each language's own: PHP's arrays are
// Go's maps and slices.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/commchannel/gateway/protocol/client"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the gateway's `URL`")
	channel := flag.String("channel", "native-images", "`name` of the channel")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // perhaps there is no PHP
	defer cancel()
	if err := run(ctx, *url, *channel); err != nil {
		fmt.Fprintln(os.Stderr, "phpreply:", err)
		os.Exit(1)
	}
}

// A size is what PHP tells, as ['width' => 640, 'height' => 480].
type size struct{ Width, Height int }

func run(ctx context.Context, url, channel string) error {
	c, err := client.Dial(ctx, url, client.Options{ClientID: "go"})
	if err != nil {
		return err
	}
	defer c.Close()
	images := c.Channel(channel)
	// Subscribed before anything is asked, so as not to miss PHP's question.
	sub, err := images.Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		return err
	}
	reply, err := images.Request(ctx, "size?", map[string]string{"image": "logo.png"})
	if err != nil {
		return err
	}
	s, err := client.Payload[size](reply)
	if err != nil {
		return err
	}
	fmt.Printf("PHP says: %d x %d\n", s.Width, s.Height)

	for m, err := range sub.Messages(ctx) {
		if err != nil {
			return err
		}
		if m.Type != "currency?" {
			continue // PHP's reply, which Request has told already
		}
		fmt.Printf("PHP asks: %s %s\n", m.Type, m.Payload)
		_, err := images.Reply(ctx, m, "reply", map[string]any{"currency": "EUR", "decimals": 2})
		return err
	}
	return nil
}
