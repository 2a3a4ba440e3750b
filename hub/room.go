package hub

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// Bounds and times of presence. docs/protocol.md tells them to clients.
const (
	// linger is how long a client stays present whose last connection ended
	// without an "unsubscribe": a reconnect, a page that is loaded again and
	// the pause between two long-polls go unnoticed.
	linger = 5 * time.Second
	// tellPause lies between two tellings in one room. The first change after
	// a quiet while is told at once, and a storm of them in few writes.
	tellPause = 100 * time.Millisecond
	// tellMost is how many bytes of news wait for tellPause: a reader that
	// keeps up can take that many at a time.
	tellMost = 16 << 10
	// namesAge is how old the names of a crowd may be: to choose them takes a
	// look at every client.
	namesAge = time.Second
)

// A crowd is a number of clients, and the bytes of their ids.
type crowd struct{ clients, bytes int }

func (c crowd) exceeds(most crowd) bool { return c.clients > most.clients || c.bytes > most.bytes }
func (c crowd) half() crowd             { return crowd{c.clients / 2, c.bytes / 2} }

// mostTold is up to when everybody in a room is told of everybody else. With
// more, the room is crowded, until half of it is left: nobody is told of each
// coming and going, which would be as many frames as the square of the
// clients.
func mostTold() crowd { return crowd{clients: 1000, bytes: 64 << 10} }

// A room knows who is present in a channel, and tells its readers of it. Its
// methods want the channel's mutex.
//
// A client is present from when its first connection entered until its last
// one left, and, unless that was by an "unsubscribe", for linger beyond. All
// that is to be told goes into the news, in its order. Each reader stands at a
// place in them, behind its own arrival, so that what it is told fits what it
// would have been answered when it came.
type room struct {
	ch      *channel
	clients map[string]*present
	bytes   int    // of their ids
	rounds  uint64 // counts lingerings

	crowded bool
	names   []string // what list gave last, never changed; nil: to be made anew
	named   time.Time

	news    []byte // frames that nobody was told of yet
	texts   []span // of each, its JSON
	base    int64  // bytes of news before these
	toldAt  time.Time
	waiting bool // for Hub.telling
}

// present is a client in a room.
type present struct {
	conns int    // none: it lingers
	round uint64 // of its latest lingering
}

// A lingering is a client that has lost its last connection.
type lingering struct {
	room  *room
	id    string
	round uint64 // another one than the client's: it has been back meanwhile
}

func newRoom(c *channel) *room { return &room{ch: c, clients: make(map[string]*present)} }

// arrive lets a reader in, by one of the client id's connections; "" is
// nobody's. The reader's place in the news is put into told.
func (r *room) arrive(id string, told *int64) {
	if p := r.clients[id]; p != nil {
		p.conns++
	} else if id != "" {
		id = strings.Clone(id) // it may be a piece of a long URL
		r.clients[id] = &present{conns: 1}
		r.changed(protocol.OpJoin, id, len(id))
	}
	*told = r.end()
	r.tellSoon()
}

// depart takes one of id's connections away. Where it was the last one, id
// lingers or leaves at once.
func (r *room) depart(id string, lingers bool) {
	p := r.clients[id]
	if p == nil {
		return // nobody's
	}
	if p.conns--; !lingers {
		r.dismiss(id)
	} else if p.conns == 0 {
		r.rounds++
		p.round = r.rounds
		r.ch.hub.lingering.add(lingering{r, id, p.round})
	}
}

// dismiss ends id's presence if it has no connection.
func (r *room) dismiss(id string) {
	if p := r.clients[id]; p != nil && p.conns == 0 {
		delete(r.clients, id)
		r.changed(protocol.OpLeave, id, -len(id))
		r.tellSoon()
	}
}

// expire ends a client's presence if it still lingers as it did when l began.
func (l lingering) expire() {
	c := l.room.ch
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := l.room.clients[l.id]; p != nil && p.round == l.round {
		l.room.dismiss(l.id)
	}
}

// changed reports that id has come or gone, unless the room is crowded. A room
// that becomes crowded says so by a "presence" that names nobody; one that is
// so no more, by a "presence" that names everybody.
func (r *room) changed(op protocol.Op, id string, bytes int) {
	r.bytes += bytes
	most, now := r.ch.hub.mostTold, crowd{len(r.clients), r.bytes}
	if r.crowded && now.exceeds(most.half()) {
		return
	}
	r.names = nil
	switch {
	case r.crowded:
		r.crowded = false
		r.report(r.presence(protocol.Ref{}))
	case now.exceeds(most):
		r.crowded = true
		r.report(&protocol.ServerFrame{Op: protocol.OpPresence, Channel: r.ch.name, Count: now.clients})
	default:
		r.report(&protocol.ServerFrame{Op: op, Channel: r.ch.name, ClientID: id})
	}
}

// presence is the answer to a "presence". It names all clients, or at most
// half of mostTold where the room is crowded: never all of them then.
func (r *room) presence(ref protocol.Ref) *protocol.ServerFrame {
	return &protocol.ServerFrame{
		Op: protocol.OpPresence, Ref: ref, Channel: r.ch.name, Clients: r.list(), Count: len(r.clients),
	}
}

// list are the ids in their order.
func (r *room) list() []string {
	switch {
	case r.crowded && (len(r.names) >= len(r.clients) || time.Since(r.named) >= namesAge):
		r.names, r.named = r.firstNames(r.ch.hub.mostTold.half()), time.Now()
	case r.names == nil:
		r.names = slices.Sorted(maps.Keys(r.clients))
	}
	return r.names
}

// firstNames are the first ids in their order, most of them.
func (r *room) firstNames(most crowd) (names []string) {
	for id := range r.clients {
		if len(names) == most.clients {
			if id >= names[len(names)-1] {
				continue
			}
			names = names[:len(names)-1]
		}
		i, _ := slices.BinarySearch(names, id)
		names = slices.Insert(names, i, id)
	}
	for i, id := range names {
		if most.bytes -= len(id); most.bytes < 0 {
			return names[:i]
		}
	}
	return names
}
