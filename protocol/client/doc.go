// Package client connects Go programs to a gateway. It links no server: only
// the standard library, package protocol and a WebSocket library.
//
//	c, err := client.Dial(ctx, "https://push.shop.example", client.Options{ClientID: "till-3"})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//
//	orders := c.Channel("orders")
//	sub, err := orders.Subscribe(ctx, client.SubscribeOptions{History: 20})
//	if err != nil {
//		return err
//	}
//	for m, err := range sub.Messages(ctx) {
//		if gap, ok := errors.AsType[*client.GapError](err); ok {
//			log.Print(gap) // some messages can't be had any more
//			continue
//		}
//		if err != nil {
//			return err
//		}
//		order, err := client.Payload[Order](m)
//		...
//	}
//
// # What can be relied on
//
// A Subscription has the messages of its channel in the one order that all
// subscribers see, each once, over reconnects and changes of transport. What
// can't be had any more, or can't be read, is a [GapError], never silence. One's
// own messages are left out, unless SubscribeOptions.Echo asks for them.
//
// A message that Send has returned for is in the gateway's store. A Send whose
// connection breaks goes out again under the same id; it is not delivered
// twice. Send fails rather than leave it open, but where only the gateway could
// tell, and can't be asked: that is [ErrUnconfirmed].
//
// # How it stays connected
//
// A Client trusts a WebSocket when the gateway has welcomed it, for which the
// first one has 2.5 seconds and later ones 5. Where it fails, long-poll takes
// over at once, and WebSocket is tried again beside it; after three failures
// while long-poll worked, or three connections cut within a minute, only every
// five minutes for half an hour. From one to the other and over every break,
// subscriptions go on from their cursors.
//
// Attempts are half a second to 20 seconds apart, at random ([Backoff]). A
// gateway that goes away says when to come back. One that does not want a
// client back (close codes from 4200 on: a bad token, say) ends it: everything
// then fails with a [RefusedError]. [Client.States] tells how all this goes; a
// program needs that only if it shows it, or keeps what a break makes void, such
// as who is there.
//
// What a later version of the protocol says beside that is passed over. A
// gateway that breaks the protocol costs a connection, and one that answers held
// exchanges at once, for nothing, is asked less and less often, down to once in 5
// seconds.
//
// # Who is there
//
// Where the gateway keeps presence, [Channel.Presence] asks for it, and Events
// of a Subscription are also a [Join], a [Leave] or a [Presence]. Close says
// goodbye, so that others are told at once; after a break of the connection, a
// client is still there for 5 seconds.
//
// # Slow readers
//
// Each Subscription has a buffer (SubscribeOptions.Buffer). When it is full,
// the client gives the channel back to the gateway and keeps its place; when
// half of it is free again, the client goes on from there. So a slow reader
// holds up neither other channels nor the gateway, its memory is bounded, and
// it loses nothing but what the gateway's store has dropped meanwhile, which is
// a GapError. Besides that, a Client holds 1000 unanswered requests at most
// ([ErrQueueFull]), and the one frame or answer that it reads, up to 16 MiB.
package client
