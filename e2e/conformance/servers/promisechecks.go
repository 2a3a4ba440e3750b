package servers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

func promiseChecks() []check {
	const s = "What is promised"
	return []check{
		{section: s, promise: "the order is the same for all subscribers and over all transports",
			says: "A channel has one order, its store's. It is the same for all subscribers, on all nodes and over all transports.",
			run:  (*probe).oneOrder},
		{section: s, promise: "the messages of one connection keep their order",
			says: "Requests are carried out in their order.",
			run:  (*probe).senderOrder},
		{section: s, promise: "no message comes twice, or is left out, over reconnects",
			says: `On one subscription no message comes twice, none out of order, and none is left out without a gap or "recovered":false.`,
			run:  (*probe).noneTwice},
		{section: s, promise: "the sender does not hear itself, on none of its connections",
			says: "A message goes to all subscribers of its channel but its sender, unless the sender asked for its own with echo. The sender is known by the client id.",
			run:  (*probe).ownLeftOut},
		{section: s, promise: "the sender does not hear itself after a resume, and others do",
			says: "A message goes to all subscribers of its channel but its sender",
			run:  (*probe).ownLeftOutOnResume},
		{section: s, promise: "what was refused is told to the sender, and not delivered",
			says: "What was refused or has failed is told to the sender.",
			run:  (*probe).refusedNotDelivered},
	}
}

// perSender is how many messages each sender of oneOrder sends.
const perSender = 8

// oneOrder has three senders, each over a way of its own, and four readers.
func (p *probe) oneOrder() {
	channel := p.channel()
	readers := []*socket{p.join("alice"), p.join("bob")}
	for _, s := range readers {
		s.subscribe(channel, nil)
	}
	carol, dave := p.id("carol"), p.id("dave")
	start := p.one(p.exchange(carol, obj{"op": "subscribe", "channel": channel}), "subscribed").str("cursor")
	p.pollNothing(dave, channel, "")
	p.sendFromAll(channel)

	const all = 3 * perSender
	orders := map[string][]string{}
	for _, s := range readers {
		for range all {
			orders[s.who] = append(orders[s.who], s.want("message").str("payload"))
		}
	}
	orders[carol] = p.followExchanges(carol, channel, start, all)
	for len(orders[dave]) < all {
		texts := p.pollTexts(dave, channel)
		for _, text := range texts {
			orders[dave] = append(orders[dave], textPayload(text))
		}
	}
	want := orders[readers[0].who]
	for who, got := range orders {
		if !slices.Equal(got, want) {
			p.Failf("%s has the order %q, and %s has %q", who, got, readers[0].who, want)
		}
	}
}

// sendFromAll sends from a WebSocket, by exchanges and as a client of the seed
// does, at the same time.
func (p *probe) sendFromAll(channel string) {
	s, lp, seed := p.join("ws"), p.id("lp"), p.id("seed")
	var all sync.WaitGroup
	faults := make([]error, 2)
	all.Go(func() {
		for i := range perSender {
			r := p.post("", p.hello(lp), obj{"op": "send", "channel": channel, "payload": fmt.Sprint("lp ", i)})
			if _, faults[0] = p.try(p.Context(), lp, r); faults[0] != nil {
				return
			}
		}
	})
	all.Go(func() {
		for i := range perSender {
			if _, faults[1] = p.try(p.Context(), seed, seedSend(seed, channel, fmt.Sprintf(`{"type":"msg","payload":"seed %d"}`, i))); faults[1] != nil {
				return
			}
		}
	})
	for i := range perSender {
		s.say(obj{"op": "send", "channel": channel, "payload": fmt.Sprint("ws ", i)})
	}
	all.Wait()
	for _, err := range faults {
		if err != nil {
			p.Failf("%v", err)
		}
	}
	s.quiet()
}

// followExchanges reads so many messages by exchanges, each from where the last
// one ended, and returns their payloads.
func (p *probe) followExchanges(id, channel, since string, count int) []string {
	var payloads []string
	for len(payloads) < count {
		frames := p.exchange(id, obj{"op": "subscribe", "channel": channel, "since": since})
		for _, f := range only(frames, "subscribed", "message", "gap") {
			since = f.str("cursor")
			switch f.Op {
			case "message":
				payloads = append(payloads, f.str("payload"))
			case "gap":
				p.Failf("messages are told to be missing: %s", f.Text)
			case "subscribed":
				p.wantRecovered(f, true)
			}
		}
	}
	return payloads
}

// textPayload is the payload in a message's text.
func textPayload(text string) string {
	var m struct{ Payload string }
	_ = json.Unmarshal([]byte(text), &m) // then it is "", which nobody has sent
	return m.Payload
}

func (p *probe) senderOrder() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	for i := range 20 {
		bob.say(obj{"op": "send", "channel": channel, "payload": fmt.Sprint(i)})
	}
	for i := range 20 {
		alice.message(fmt.Sprint(i))
	}
	alice.quiet()
}

// noneTwice cuts a reader's connection again and again while somebody sends.
func (p *probe) noneTwice() {
	const rounds, each = 4, 5
	bob, id, channel := p.join("bob"), p.id("alice"), p.channel()
	cursor := bob.subscribe(channel, nil).str("cursor")
	n := 0
	for round := range rounds {
		s := p.joinAs(id)
		p.wantRecovered(s.subscribe(channel, obj{"since": cursor}), true)
		for i := range each {
			bob.say(obj{"op": "send", "channel": channel, "payload": fmt.Sprint(round, " ", i)})
		}
		for ; n < (round+1)*each-2; n++ { // two of them come with the next connection
			cursor = s.message(fmt.Sprint(n/each, " ", n%each)).str("cursor")
		}
		s.conn.Cut()
	}
	s := p.joinAs(id)
	s.subscribe(channel, obj{"since": cursor})
	for ; n < rounds*each; n++ {
		s.message(fmt.Sprint(n/each, " ", n%each))
	}
	s.quiet()
}

func (p *probe) ownLeftOut() {
	bob, channel, id := p.join("bob"), p.channel(), p.id("alice")
	one, other := p.joinAs(id), p.joinAs(id)
	one.subscribe(channel, nil)
	other.subscribe(channel, nil)
	one.send(channel, "own")
	bob.send(channel, "bob's")
	one.message("bob's")
	other.message("bob's")
}

func (p *probe) ownLeftOutOnResume() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	since := bob.subscribe(channel, nil).str("cursor")
	alice.send(channel, "alice's")
	bob.send(channel, "bob's")
	alice.subscribe(channel, obj{"since": since})
	alice.message("bob's")
	bob.message("alice's")
	alice.quiet()
	bob.quiet()
}

func (p *probe) refusedNotDelivered() {
	alice, bob, channel := p.join("alice"), p.join("bob"), p.channel()
	alice.subscribe(channel, nil)
	bob.refused(obj{"op": "send", "channel": channel, "payload": "refused", "id": "_reserved"}, "bad_frame")
	bob.refused(obj{"op": "send", "channel": channel, "payload": strings.Repeat("x", p.maxMessage)}, "too_large")
	bob.send(channel, "taken")
	alice.message("taken")
}
