package hub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A view is what a client knows of who is there, by what it was told.
type view struct {
	own   string
	asked bool                   // and answered
	whole bool                   // the latest answer named everybody
	there map[string]bool        // as of a whole answer
	last  map[string]protocol.Op // of each client, since the latest answer
}

func newView(own string) *view {
	return &view{own: own, there: make(map[string]bool), last: make(map[string]protocol.Op)}
}

// take takes what was told in, and says what is wrong with it.
func (v *view) take(f *protocol.ServerFrame) error {
	switch f.Op {
	case protocol.OpPresence:
		return v.answered(f)
	case protocol.OpJoin, protocol.OpLeave:
		return v.changed(f.Op, f.ClientID)
	}
	return nil
}

func (v *view) answered(f *protocol.ServerFrame) error {
	whole := len(f.Clients) == f.Count
	_, own := f.Ref.Value()
	known := slices.Sorted(maps.Keys(v.there))
	switch {
	case !slices.IsSorted(f.Clients) || len(slices.Compact(slices.Clone(f.Clients))) != len(f.Clients):
		return fmt.Errorf("the names %q are not in order, or not once each", f.Clients)
	case own && whole && !slices.Contains(f.Clients, v.own):
		return fmt.Errorf("%s is not on its own list %q", v.own, f.Clients)
	case own && v.asked && whole != v.whole:
		return fmt.Errorf("answered %d of %d names, without being told of the change between", len(f.Clients), f.Count)
	case own && v.asked && whole && !slices.Equal(f.Clients, known):
		return fmt.Errorf("answered %q, told of %q", f.Clients, known)
	}
	v.asked, v.whole = true, whole
	clear(v.there)
	clear(v.last)
	for _, id := range f.Clients {
		v.there[id] = true
	}
	return nil
}

func (v *view) changed(op protocol.Op, id string) error {
	switch {
	case id == v.own:
		return fmt.Errorf("%s was told of its own %s", id, op)
	case v.last[id] == op:
		return fmt.Errorf("%s of %s came twice", op, id)
	case v.asked && !v.whole:
		return fmt.Errorf("%s of %s though not everybody was named", op, id)
	case v.asked && v.there[id] != (op == protocol.OpLeave):
		return fmt.Errorf("%s of %s, who was there: %t", op, id, v.there[id])
	}
	v.last[id] = op
	if v.there[id] = true; op == protocol.OpLeave {
		delete(v.there, id)
	}
	return nil
}

// read takes all in that was written until now.
func (v *view) read(p *peer) {
	p.conn.Send(&protocol.ServerFrame{Op: protocol.OpPong})
	for f := p.next(); f.Op != protocol.OpPong; f = p.next() {
		if err := v.take(&f); err != nil {
			p.t.Errorf("%s: %v", v.own, err)
		}
	}
}

// A churner comes and goes by one connection after the other.
type churner struct {
	t *testing.T
	h *Hub
}

// pause is mostly short against linger, and now and then long.
func (c churner) pause() {
	most := tellPause
	if rand.N(4) == 0 {
		most = 2 * linger
	}
	time.Sleep(rand.N(most))
}

// visit is one connection's life.
func (c churner) visit(id string) {
	p := newPeer(c.t, c.h, id)
	if rand.N(2) == 0 {
		p.sink.most = func() int { return rand.N(400) } // it drains
	}
	for range 1 + rand.N(3) {
		v := newView(id) // a new one for each subscription
		p.subscribe(protocol.ClientFrame{})
		for range rand.N(4) {
			if err := p.conn.Presence(&protocol.ClientFrame{Channel: "room", Ref: protocol.NewRef(1)}); err != nil {
				c.t.Errorf("%s: %v", id, err)
			}
			c.pause()
		}
		v.read(p)
		if rand.N(2) == 0 {
			break
		}
		p.unsubscribe()
		c.pause()
		v.read(p)
		c.pause() // from here on nothing may come but the next "subscribed"
	}
	p.conn.Close()
	c.pause()
}

// poll is one long-poll, or one of a polling page.
func (c churner) poll(id string) {
	l, err := c.h.Listen(c.t.Context(), "room", ListenOptions{ClientID: id, Presence: rand.N(2) == 0})
	if err != nil {
		c.t.Errorf("%s: %v", id, err)
		return
	}
	defer l.Close()
	v := newView(id)
	for range rand.N(3) {
		f, err := l.Presence(protocol.NewRef(1))
		if err == nil {
			err = v.take(&protocol.ServerFrame{Op: f.Op, Clients: f.Clients, Count: f.Count})
		}
		if err != nil {
			c.t.Errorf("%s: %v", id, err)
		}
		c.pause()
		for _, text := range l.Events(nil) {
			e, err := protocol.DecodeServer(text)
			if err == nil {
				err = v.take(&e)
			}
			if err != nil {
				c.t.Errorf("%s: %s: %v", id, text, err)
			}
		}
	}
}

// TestPresenceUnderChurn has clients come and go in every way there is, and
// checks what each connection is told, and that in the end those who stayed
// know what the hub answers.
func TestPresenceUnderChurn(t *testing.T) {
	for _, tt := range []struct {
		name string
		most crowd
	}{
		{"all are told", mostTold()},
		{"now and then a crowd", crowd{14, 1 << 20}},
		{"often a crowd", crowd{10, 1 << 20}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, func(t *testing.T, h *Hub) {
				h.mostTold = tt.most
				stay(t, h)
			})
		})
	}
}

// stay churns, while three clients stay.
func stay(t *testing.T, h *Hub) {
	peers := make([]*peer, 3)
	views := make([]*view, len(peers))
	for i := range peers {
		id := fmt.Sprintf("stays%d", i)
		peers[i], views[i] = newPeer(t, h, id), newView(id)
		peers[i].sink.most = func() int { return rand.N(400) }
		peers[i].subscribe(protocol.ClientFrame{})
		if err := peers[i].conn.Presence(&protocol.ClientFrame{Channel: "room", Ref: protocol.NewRef(1)}); err != nil {
			t.Fatal(err)
		}
	}
	var churn sync.WaitGroup
	for i := range 12 {
		churn.Go(func() {
			for n := range 40 {
				id := fmt.Sprintf("c%02d", (i+n%3)%12) // two may be one client at a time
				if c := (churner{t, h}); rand.N(3) == 0 {
					c.poll(id)
				} else {
					c.visit(id)
				}
			}
		})
	}
	churn.Wait()
	wantPresentSoon(t, h, peers, views)
}

// wantPresentSoon wants that, once nobody lingers, everybody knows who stayed.
func wantPresentSoon(t *testing.T, h *Hub, peers []*peer, views []*view) {
	t.Helper()
	time.Sleep(2 * linger)
	wantPresent(t, h, "stays0", "stays1", "stays2")
	for i, v := range views {
		v.read(peers[i])
		if got := slices.Sorted(maps.Keys(v.there)); !v.whole || !slices.Equal(got, []string{"stays0", "stays1", "stays2"}) {
			t.Errorf("%s knows of %q, whole: %t", v.own, got, v.whole)
		}
	}
}
