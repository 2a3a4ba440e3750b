package servers

import (
	"slices"
	"strings"
	"time"
)

func presenceChecks() []check {
	const s = "Presence"
	return []check{
		{section: s, promise: "presence is answered, or refused with forbidden where none is kept",
			says: "About all others, presence is answered with forbidden, and nothing is told.",
			run:  (*probe).presenceAnswered},
		{section: s, promise: "a subscriber is on its own list, and each id once, in the order of bytes",
			says: "clients has each id once, in the order of their bytes.",
			run:  (*probe).presenceList},
		{section: s, promise: "one may ask without being subscribed, and without ref",
			says: "Whoever may subscribe to a channel may ask about it, subscribed or not.",
			run:  (*probe).presenceFromOutside},
		{section: s, promise: "others are told who joins, and nobody of itself",
			says: "about others: never about one's own id",
			run:  (*probe).presenceJoin},
		{section: s, promise: "who unsubscribes has left at once",
			says: "at once, if it ends its last subscription with unsubscribe",
			run:  (*probe).presenceUnsubscribe},
		{section: s, promise: "who ends its connection has left 5 seconds later",
			says: "5 seconds after its last subscription ended with its connection, however that did",
			run:  (*probe).presenceGone, idle: true},
		{section: s, promise: "a reconnect goes unnoticed",
			says: "a reconnect, or a page that is loaded again, goes unnoticed",
			run:  (*probe).presenceReconnect, idle: true},
		{section: s, promise: "a client with two connections is there once, and until both are gone",
			says: "A client, known by its id, is there once however many connections it has.",
			run:  (*probe).presenceTwice},
		{section: s, promise: "a join comes before the messages of who has joined",
			says: "A join comes before the messages that the client sends, to the same gateway, once it was told subscribed.",
			run:  (*probe).presenceBeforeMessages},
		{section: s, promise: "a client on long-poll is there, and told of others",
			says: "A client on long-poll is there while an exchange that subscribes to the channel is under way, and 5 seconds beyond",
			run:  (*probe).presenceLongPoll},
		{section: s, promise: "a polling client of the seed is there from its second poll on",
			says: "A polling client of the seed is there while a poll is under way, its first one excepted, and 5 seconds beyond.",
			run:  (*probe).presencePoll},
		{section: s, promise: "joins are no messages: a resume does not tell them again",
			says: "They are no messages: they have no cursor, are in no history, and are not told again.",
			run:  (*probe).presenceNoHistory},
	}
}

// room is a channel whose name begins so that an operator may give it presence
// alone.
func (p *probe) room() string { return p.prefix + "presence-" + p.unique() }

// keeper subscribes to room, and skips the check if the server keeps no
// presence of it.
func (p *probe) keeper(room string) *socket {
	s := p.join("keeper")
	s.listens = true
	s.subscribe(room, nil)
	if f := s.ask(obj{"op": "presence", "channel": room}); f.Op == "error" {
		p.Skipf("the server keeps no presence of %spresence-*", p.prefix)
	}
	return s
}

// there wants these clients to be the ones that are there.
func (s *socket) there(room string, want ...string) {
	f := s.must("presence", obj{"op": "presence", "channel": room})
	slices.Sort(want)
	if got := f.list("clients"); !slices.Equal(got, want) || f.num("count") != len(want) || f.str("channel") != room {
		s.p.Failf("%s, want the clients %q", f.Text, want)
	}
}

// told wants to be told next that somebody joins or leaves.
func (s *socket) told(op, id string) {
	if f := s.want(op); f.str("clientid") != id {
		s.p.Failf("%s, want the %s of %s", f.Text, op, id)
	}
}

func (p *probe) presenceAnswered() {
	s, room := p.join("alice"), p.room()
	f := s.ask(obj{"op": "presence", "channel": room})
	if f.Op != "presence" && (f.Op != "error" || f.str("code") != "forbidden") {
		p.Failf("%s, want presence or forbidden", f.Text)
	}
	s.quiet()
}

func (p *probe) presenceList() {
	room := p.room()
	s := p.keeper(room)
	s.there(room, s.who)
	ids := []string{s.who}
	for _, name := range []string{"\u00e9", "Z", "a", "_"} {
		other := p.join(name)
		other.subscribe(room, nil)
		ids = append(ids, other.who)
	}
	s.there(room, ids...)
}

func (p *probe) presenceFromOutside() {
	room := p.room()
	keeper := p.keeper(room)
	s := p.join("outsider")
	s.listens = true
	s.there(room, keeper.who)
	s.say(obj{"op": "presence", "channel": room})
	if f := s.want("presence"); f.has("ref") || f.num("count") != 1 {
		p.Failf("%s, want one client and no ref", f.Text)
	}
}

func (p *probe) presenceJoin() {
	room := p.room()
	keeper := p.keeper(room)
	bob := p.join("bob")
	bob.listens = true
	bob.subscribe(room, nil)
	keeper.told("join", bob.who)
	carol := p.join("carol")
	carol.subscribe(room, nil)
	keeper.told("join", carol.who)
	bob.told("join", carol.who)
	keeper.there(room, keeper.who, bob.who, carol.who)
}

func (p *probe) presenceUnsubscribe() {
	room := p.room()
	keeper, bob := p.keeper(room), p.join("bob")
	bob.subscribe(room, nil)
	keeper.told("join", bob.who)
	bob.must("unsubscribed", obj{"op": "unsubscribe", "channel": room})
	began := time.Now()
	keeper.told("leave", bob.who)
	if took := time.Since(began); took > 4*time.Second {
		p.Failf("the leave came after %v, want it at once", took.Round(time.Second))
	}
	keeper.there(room, keeper.who)
}

func (p *probe) presenceGone() {
	room := p.room()
	keeper, bob := p.keeper(room), p.join("bob")
	bob.subscribe(room, nil)
	keeper.told("join", bob.who)
	began := time.Now()
	bob.leave()
	keeper.there(room, keeper.who, bob.who)
	keeper.told("leave", bob.who)
	if took := time.Since(began); took < 4500*time.Millisecond {
		p.Failf("the leave came after %v, want 5 s", took)
	}
	keeper.there(room, keeper.who)
}

// presenceReconnect has carol leave after bob has come back: had bob's leave been
// due, it would have come before hers.
func (p *probe) presenceReconnect() {
	room := p.room()
	keeper, bob := p.keeper(room), p.join("bob")
	bob.subscribe(room, nil)
	keeper.told("join", bob.who)
	bob.conn.Cut()
	back := p.joinAs(bob.who)
	back.subscribe(room, nil)
	carol := p.join("carol")
	carol.subscribe(room, nil)
	keeper.told("join", carol.who)
	carol.leave()
	keeper.told("leave", carol.who)
	keeper.there(room, keeper.who, bob.who)
}

func (p *probe) presenceTwice() {
	room := p.room()
	keeper, one := p.keeper(room), p.join("bob")
	other := p.joinAs(one.who)
	one.subscribe(room, nil)
	other.subscribe(room, nil)
	keeper.told("join", one.who)
	keeper.there(room, keeper.who, one.who)
	one.must("unsubscribed", obj{"op": "unsubscribe", "channel": room})
	keeper.there(room, keeper.who, one.who)
	other.must("unsubscribed", obj{"op": "unsubscribe", "channel": room})
	keeper.told("leave", one.who)
}

func (p *probe) presenceBeforeMessages() {
	room := p.room()
	keeper := p.keeper(room)
	for _, name := range []string{"bob", "carol", "dave"} {
		s := p.join(name)
		s.subscribe(room, nil)
		s.send(room, name)
		keeper.told("join", s.who)
		keeper.message(name)
	}
}

func (p *probe) presenceLongPoll() {
	room := p.room()
	keeper, bob := p.keeper(room), p.id("bob")
	cursor := p.one(p.exchange(bob, obj{"op": "subscribe", "channel": room}), "subscribed").str("cursor")
	keeper.told("join", bob)
	h := p.hold(bob, p.post("", p.hello(bob), obj{"op": "subscribe", "channel": room, "since": cursor}))
	p.wantHeld(h)
	carol := p.join("carol")
	carol.subscribe(room, nil)
	keeper.told("join", carol.who)
	frames := p.frames(p.await(h))
	if f := p.one(frames, "join"); f.str("clientid") != carol.who || frames[0].Op != "subscribed" {
		p.Failf("%s, want subscribed and the join of %s", texts(frames), carol.who)
	}
	asked := p.exchange(bob, obj{"op": "subscribe", "channel": room, "since": cursor}, obj{"op": "presence", "ref": 1, "channel": room})
	if f := p.one(asked, "presence"); !slices.Contains(f.list("clients"), bob) || f.num("count") != 3 {
		p.Failf("%s, want three clients and %s among them", f.Text, bob)
	}
	p.exchange(bob, obj{"op": "unsubscribe", "channel": room})
	keeper.told("leave", bob)
}

func (p *probe) presencePoll() {
	room := p.room()
	keeper, page := p.keeper(room), p.id("4711")
	p.pollNothing(page, room, "")
	keeper.there(room, keeper.who)
	p.hold(page, request{query: seedQuery(room, page)})
	keeper.told("join", page)
	keeper.there(room, keeper.who, page)
}

func (p *probe) presenceNoHistory() {
	room := p.room()
	keeper := p.keeper(room)
	start := keeper.send(room, "first").str("cursor")
	bob := p.join("bob")
	bob.subscribe(room, nil)
	bob.send(room, "second")
	keeper.told("join", bob.who)
	s := p.join("carol")
	s.listens = true
	s.subscribe(room, obj{"since": start})
	s.message("second")
	s.quiet()
	frames := p.exchange(p.id("dave"), obj{"op": "subscribe", "channel": room, "since": start})
	for _, f := range only(frames, "join", "leave") {
		if strings.HasPrefix(f.str("clientid"), "bob") {
			p.Failf("%s is told again", f.Text)
		}
	}
}
