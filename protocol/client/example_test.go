package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/commchannel/gateway/internal/gateway"
	"github.com/commchannel/gateway/protocol/client"
)

// startGateway starts a gateway for an example.
func startGateway() (url string, stop func()) {
	g, err := gateway.New(gateway.Config{Listen: []string{"127.0.0.1:0"}, LogOutput: io.Discard})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	return "http://" + g.Addr().String(), func() {
		cancel()
		<-ended
	}
}

func Example() {
	url, stop := startGateway()
	defer stop()
	ctx := context.Background()

	alice, err := client.Dial(ctx, url, client.Options{ClientID: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	defer alice.Close()
	bob, err := client.Dial(ctx, url, client.Options{ClientID: "bob"})
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close()

	room, err := bob.Channel("room").Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := alice.Channel("room").Send(ctx, "msg", "Hello there!"); err != nil {
		log.Fatal(err)
	}
	for m, err := range room.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s said: %s\n", m.From, m.Payload)
		break
	}
	// Output: alice said: "Hello there!"
}

// A subscription is read over reconnects. Where the gateway can't tell all that
// was said meanwhile, there is a GapError in the place of what is missing, and
// the loop goes on.
func ExampleSubscription_Messages() {
	url, stop := startGateway()
	defer stop()
	ctx := context.Background()
	c, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for n := range 3 {
		if _, err := c.Channel("room").Send(ctx, "count", n); err != nil {
			log.Fatal(err)
		}
	}
	room, err := c.Channel("room").Subscribe(ctx, client.SubscribeOptions{History: 2, Echo: true})
	if err != nil {
		log.Fatal(err)
	}
	for m, err := range room.Messages(ctx) {
		if gap, ok := errors.AsType[*client.GapError](err); ok {
			fmt.Println("build it anew:", gap)
			continue
		}
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(m.Type, string(m.Payload))
		if string(m.Payload) == "2" {
			break
		}
	}
	// Output:
	// count 1
	// count 2
}

// One client answers what another one asks.
func ExampleChannel_Request() {
	url, stop := startGateway()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	server, err := client.Dial(ctx, url, client.Options{ClientID: "calculator"})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	sums := server.Channel("sums")
	sub, err := sums.Subscribe(ctx, client.SubscribeOptions{})
	if err != nil {
		log.Fatal(err)
	}
	sub.Handle("add", func(ctx context.Context, m *client.Message) {
		n, err := client.Payload[[]float64](m)
		if err != nil || len(n) != 2 {
			return
		}
		if _, err := sums.Reply(ctx, m, "sum", n[0]+n[1]); err != nil {
			log.Print(err)
		}
	})
	go sub.Run(ctx)

	c, err := client.Dial(ctx, url, client.Options{ClientID: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	reply, err := c.Channel("sums").Request(ctx, "add", []float64{20, 22})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Payload[float64](reply))
	// Output: 42 <nil>
}

// Payloads are read as Go values.
func ExamplePayload() {
	type order struct {
		Item  string
		Count int
	}
	m := &client.Message{Type: "order", Payload: []byte(`{"item":"tea","count":2}`)}
	o, err := client.Payload[order](m)
	fmt.Println(o, err)
	// Output: {tea 2} <nil>
}

// What was sent under an id of one's own may be sent again, by another process,
// too: it is delivered once.
func ExampleChannel_SendMessage() {
	url, stop := startGateway()
	defer stop()
	ctx := context.Background()
	c, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	m := client.Outgoing{Type: "paid", Payload: 12.5, ID: "invoice-7-paid"}
	first, err := c.Channel("invoices").SendMessage(ctx, m)
	if err != nil {
		log.Fatal(err)
	}
	second, err := c.Channel("invoices").SendMessage(ctx, m)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(first.ID, first == second)
	// Output: invoice-7-paid true
}

// For programs that may start before their gateway.
func ExampleNew() {
	c, err := client.New("https://push.shop.example/channel", client.Options{
		ClientID: "worker-1",
		Token:    func(context.Context) (string, error) { return "secret", nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	// It connects in the background, as soon as the gateway can be reached.
	fmt.Println(c.ClientID())
}

// A program that shows how its connection fares. Nothing else depends on it:
// subscriptions and requests go on by themselves.
func ExampleClient_States() {
	url, stop := startGateway()
	defer stop()
	ctx := context.Background()

	c, err := client.New(url, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for state := range c.States(ctx) {
		switch state.Status {
		case client.Connecting, client.Reconnecting:
			log.Print("offline: ", state.Err) // nil before the first attempt has failed
		case client.Connected:
			fmt.Println("online over", state.Transport)
			c.Close()
		case client.Closed:
			fmt.Println(state.Err)
		}
	}
	// Output:
	// online over websocket
	// client: closed
}
