package commchannel_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/commchannel/gateway/store/commchannel"
	"github.com/commchannel/gateway/store/memcache"
)

// The seed's first example. PHP processes with
//
//	$backend = new MemcacheCommStore('127.0.0.1', '11211', $channelID);
//	$channel = new CommChannel($backend, $clientid);
//
// are on the same channel.
func Example() {
	ctx := context.Background()

	// Set up a connection to the storage backend: where the PHP library has its channels.
	channelID := rand.Text() // All the clients that want to talk will need to know the ChannelID somehow!
	backend, err := memcache.New(memcache.Config{Addr: memcached})
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()

	// Create a communication channel on top of that backend
	channel := commchannel.New(backend, channelID, "client_1")

	// Look for messages. The first time joins: what was sent before is not new.
	if _, err := channel.Messages(ctx); err != nil {
		log.Fatal(err)
	}

	// Another process sends a message
	if _, err := commchannel.New(backend, channelID, "client_2").Send(ctx, "Some Message"); err != nil {
		log.Fatal(err)
	}

	// Look for messages
	messages, err := channel.Messages(ctx)
	fmt.Println(messages, err)
	// Output: [Some Message] <nil>
}

// Typed messages are shared with browsers, and with PHP's JSCommChannel.
func ExampleJSChannel() {
	ctx := context.Background()
	backend, err := memcache.New(memcache.Config{Addr: memcached})
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()
	channelID := rand.Text()
	alice, bob := commchannel.NewJS(backend, channelID, "alice"), commchannel.NewJS(backend, channelID, "bob")

	if _, err := bob.Messages(ctx); err != nil { // joins
		log.Fatal(err)
	}
	if _, err := alice.Send(ctx, "msg", "Hello there!"); err != nil {
		log.Fatal(err)
	}
	messages, err := bob.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range messages {
		fmt.Printf("%s: %s said: %s\n", m.Type, m.From, m.Payload)
	}
	// Output: msg: alice said: "Hello there!"
}
