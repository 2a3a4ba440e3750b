package hub

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// withPresence keeps it of every channel.
func withPresence(c *Config) { c.Presence = func(string) bool { return true } }

// inRoom runs a test with presence on, in a bubble where time passes by
// itself.
func inRoom(t *testing.T, test func(t *testing.T, h *Hub)) {
	synctest.Test(t, func(t *testing.T) { test(t, newHub(t, &fakeStore{}, withPresence)) })
}

// enter subscribes a new connection of clientID's.
func enter(t *testing.T, h *Hub, clientID string) *peer {
	t.Helper()
	p := newPeer(t, h, clientID)
	p.subscribe(protocol.ClientFrame{})
	return p
}

// ask asks over p's connection, and wants the answer to come next.
func (p *peer) ask() protocol.ServerFrame {
	p.t.Helper()
	if err := p.conn.Presence(&protocol.ClientFrame{Op: protocol.OpPresence, Channel: "room", Ref: protocol.NewRef(4)}); err != nil {
		p.t.Fatalf("presence: %v", err)
	}
	return p.want(protocol.OpPresence)
}

func (p *peer) wantEvent(op protocol.Op, clientID string) {
	p.t.Helper()
	if f := p.want(op); f.ClientID != clientID || f.Channel != "room" {
		p.t.Fatalf("got %s, want %q's", f.Append(nil), clientID)
	}
}

func (p *peer) unsubscribe() {
	p.t.Helper()
	if err := p.conn.Unsubscribe("room"); err != nil {
		p.t.Fatalf("unsubscribe: %v", err)
	}
}

// wantPresent wants the answer to who is there to be ids.
func wantPresent(t *testing.T, h *Hub, ids ...string) {
	t.Helper()
	f, err := h.Presence("room", protocol.Ref{})
	if err != nil || !slices.Equal(f.Clients, ids) || f.Count != len(ids) {
		t.Errorf("present: got %v, count %d, %v, want %v", f.Clients, f.Count, err, ids)
	}
}

func TestPresenceOff(t *testing.T) {
	h := newHub(t, &fakeStore{}, func(c *Config) {
		c.Presence = func(channel string) bool { return channel == "other" }
	})
	alice, bob := enter(t, h, "alice"), enter(t, h, "bob")
	for _, p := range []*peer{alice, newPeer(t, h, "carol")} {
		err := p.conn.Presence(&protocol.ClientFrame{Op: protocol.OpPresence, Channel: "room"})
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeForbidden {
			t.Errorf("got %v, want forbidden", err)
		}
	}
	bob.unsubscribe()
	alice.wantNothing()
	if _, err := h.Presence("room", protocol.Ref{}); !errors.Is(err, ErrPresenceOff) {
		t.Errorf("got %v, want ErrPresenceOff", err)
	}
	if f, err := h.Presence("other", protocol.NewRef(1)); err != nil || f.Count != 0 || f.Ref != protocol.NewRef(1) {
		t.Errorf("of a channel not in use: got %v %v, want nobody", f, err)
	}
	if h.Channels() != 1 {
		t.Errorf("got %d channels in use, want 1: to ask is not to use", h.Channels())
	}
}

func TestJoinAndLeave(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice := enter(t, h, "alice")
		alice.wantNothing() // of its own coming
		time.Sleep(time.Second)
		bob := enter(t, h, "bob")
		alice.wantEvent(protocol.OpJoin, "bob") // at once
		bob.wantNothing()
		again := enter(t, h, "bob")
		nobody := enter(t, h, "")
		alice.wantNothing()
		wantPresent(t, h, "alice", "bob")

		time.Sleep(time.Second)
		bob.unsubscribe()
		nobody.unsubscribe()
		alice.wantNothing()
		again.unsubscribe()
		alice.wantEvent(protocol.OpLeave, "bob") // at once
		for _, p := range []*peer{alice, bob, again, nobody} {
			p.wantNothing()
		}
		wantPresent(t, h, "alice")
	})
}

func TestLostConnectionLingers(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice, bob := enter(t, h, "alice"), enter(t, h, "bob")
		alice.wantEvent(protocol.OpJoin, "bob")
		bob.conn.Close()
		time.Sleep(linger - time.Millisecond)
		synctest.Wait()
		alice.wantNothing()
		wantPresent(t, h, "alice", "bob")
		bob = enter(t, h, "bob") // back in time
		time.Sleep(10 * linger)
		alice.wantNothing()

		lost := time.Now()
		bob.conn.Close()
		alice.wantEvent(protocol.OpLeave, "bob")
		if took := time.Since(lost); took != linger {
			t.Errorf("told after %v, want %v", took, linger)
		}
		wantPresent(t, h, "alice")
	})
}

// TestEachLossLingersAnew: what is left of an earlier loss ends no later
// lingering.
func TestEachLossLingersAnew(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice := enter(t, h, "alice")
		begin := time.Now()
		enter(t, h, "bob").conn.Close() // to linger for 5 s
		alice.wantEvent(protocol.OpJoin, "bob")
		time.Sleep(linger / 5)
		back := enter(t, h, "bob")
		back.unsubscribe()
		alice.wantEvent(protocol.OpLeave, "bob")
		time.Sleep(linger / 5)
		back.subscribe(protocol.ClientFrame{})
		alice.wantEvent(protocol.OpJoin, "bob")
		time.Sleep(linger / 5)
		back.conn.Close() // at 3 s
		alice.wantEvent(protocol.OpLeave, "bob")
		if took := time.Since(begin); took != linger/5*3+linger {
			t.Errorf("left after %v, want %v", took, linger/5*3+linger)
		}
	})
}

func TestWhoSaysGoodbyeLingersNoMore(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice, bob := enter(t, h, "alice"), enter(t, h, "bob")
		alice.wantEvent(protocol.OpJoin, "bob")
		h.Leave("room", "bob") // has a connection
		h.Leave("room", "zoe")
		h.Leave("elsewhere", "bob")
		wantPresent(t, h, "alice", "bob")
		bob.conn.Close()
		time.Sleep(time.Second)
		h.Leave("room", "bob")
		begin := time.Now()
		alice.wantEvent(protocol.OpLeave, "bob")
		if took := time.Since(begin); took != 0 {
			t.Errorf("told after %v, want it at once", took)
		}
		time.Sleep(2 * linger)
		alice.wantNothing()
	})
}

// TestAnswerFitsWhatFollows: who asks while others' coming waits to be told is
// told that first.
func TestAnswerFitsWhatFollows(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice := enter(t, h, "alice")
		enter(t, h, "bob")
		alice.wantEvent(protocol.OpJoin, "bob")
		enter(t, h, "dora")
		enter(t, h, "carol") // both within tellPause
		late := enter(t, h, "late")
		f := late.ask()
		if want := []string{"alice", "bob", "carol", "dora", "late"}; !slices.Equal(f.Clients, want) || f.Count != 5 || f.Ref != protocol.NewRef(4) {
			t.Errorf("got %s, want %v", f.Append(nil), want)
		}
		if err := alice.conn.Presence(&protocol.ClientFrame{Channel: "room"}); err != nil {
			t.Fatal(err)
		}
		alice.wantEvent(protocol.OpJoin, "dora")
		alice.wantEvent(protocol.OpJoin, "carol")
		alice.wantEvent(protocol.OpJoin, "late")
		alice.want(protocol.OpPresence)
		time.Sleep(time.Second)
		alice.wantNothing()
		late.wantNothing()
	})
}

func TestJoinComesBeforeTheFirstMessage(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice := enter(t, h, "alice")
		for _, id := range []string{"bob", "carol", "dora"} { // all but the first would wait
			enter(t, h, id)
			publish(t, h, id, "hello from "+id)
			alice.wantEvent(protocol.OpJoin, id)
			alice.wantMessages("hello from " + id)
		}
	})
}

func TestStormIsToldInFewWrites(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice := enter(t, h, "alice")
		const many = 100
		begin := alice.sink.count()
		for i := range many {
			enter(t, h, "c"+strconv.Itoa(i))
		}
		if got := alice.sink.count() - begin; got != 1 {
			t.Errorf("got %d writes at once, want 1", got)
		}
		for i := range many {
			alice.wantEvent(protocol.OpJoin, "c"+strconv.Itoa(i))
		}
		if got := alice.sink.count() - begin; got != 2 {
			t.Errorf("got %d writes for %d joins, want 2", got, many)
		}
		for i := range 1000 { // more than may wait
			p := enter(t, h, "x"+strconv.Itoa(i%2)+strings.Repeat("x", 100))
			p.unsubscribe()
		}
		if got := alice.sink.count() - begin - 2; got < 5 || got > 50 {
			t.Errorf("got %d writes for 2000 events, want some", got)
		}
	})
}

func TestSlowReaderOfEventsIsCutOffAndNobodyElse(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		slow, quick := enter(t, h, "slow"), enter(t, h, "quick")
		slow.wantEvent(protocol.OpJoin, "quick")
		time.Sleep(time.Second)
		unblock := slow.sink.block()
		id := "bob" + strings.Repeat("x", 100)
		bob := newPeer(t, h, id)
		const rounds = pendingBound / 200
		for range rounds {
			bob.subscribe(protocol.ClientFrame{})
			bob.unsubscribe()
		}
		for range rounds {
			quick.wantEvent(protocol.OpJoin, id)
			quick.wantEvent(protocol.OpLeave, id)
		}
		quick.wantNothing()
		unblock()
		events := 0
		for slow.next().Op != "close" {
			events++
		}
		if events == 0 || events >= 2*rounds {
			t.Errorf("got %d of %d events before the close, want some", events, 2*rounds)
		}
	})
}

func TestCrowd(t *testing.T) {
	for _, tt := range []struct {
		name string
		most crowd
	}{
		{"by clients", crowd{4, 1000}},
		{"by bytes", crowd{1000, len("alice") + 3*len("bob1") + 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRoom(t, func(t *testing.T, h *Hub) {
				h.mostTold = tt.most
				testCrowd(t, h)
			})
		})
	}
}

func testCrowd(t *testing.T, h *Hub) {
	alice := enter(t, h, "alice")
	var bobs []*peer
	for i := 1; i <= 3; i++ {
		bobs = append(bobs, enter(t, h, "bob"+strconv.Itoa(i)))
		alice.wantEvent(protocol.OpJoin, "bob"+strconv.Itoa(i))
	}
	wantPresent(t, h, "alice", "bob1", "bob2", "bob3")
	time.Sleep(time.Second)
	for i := 4; i <= 6; i++ {
		bobs = append(bobs, enter(t, h, "bob"+strconv.Itoa(i)))
		bobs[i-1].wantNothing()
	}
	if f := alice.want(protocol.OpPresence); len(f.Clients) != 0 || f.Count != 5 || f.Ref != (protocol.Ref{}) {
		t.Errorf("becoming a crowd: got %s, want nobody named and 5 counted", f.Append(nil))
	}
	time.Sleep(time.Second)
	alice.wantNothing()
	if f := alice.ask(); !slices.Equal(f.Clients, []string{"alice", "bob1"}) || f.Count != 7 {
		t.Errorf("in a crowd: got %s, want the first 2 of 7", f.Append(nil))
	}
	time.Sleep(namesAge)
	for i := range 4 { // bob1 to bob4: 3 are left
		bobs[i].unsubscribe()
	}
	time.Sleep(time.Second)
	alice.wantNothing()
	if f := alice.ask(); !slices.Equal(f.Clients, []string{"alice", "bob5"}) || f.Count != 3 {
		t.Errorf("in a crowd: got %s, want the first 2 of 3", f.Append(nil))
	}
	bobs[4].unsubscribe()
	if f := alice.want(protocol.OpPresence); !slices.Equal(f.Clients, []string{"alice", "bob6"}) || f.Count != 2 || f.Ref != (protocol.Ref{}) {
		t.Errorf("no crowd any more: got %s, want both", f.Append(nil))
	}
	bobs[5].unsubscribe()
	alice.wantEvent(protocol.OpLeave, "bob6")
	alice.wantNothing()
}

// TestCrowdIsNeverNamedWhole: the names of a crowd may be old, but there are
// fewer of them than clients, or they would be taken for everybody.
func TestCrowdIsNeverNamedWhole(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		h.mostTold = crowd{100, 100}
		long := strings.Repeat("z", 60)
		enter(t, h, long+"1")
		enter(t, h, long+"2")
		var others []*peer
		for i := range 9 {
			others = append(others, enter(t, h, "a"+strconv.Itoa(i)))
		}
		if f, err := h.Presence("room", protocol.Ref{}); err != nil || len(f.Clients) != 9 || f.Count != 11 {
			t.Errorf("got %v %v, want 9 names of 11", f, err)
		}
		for _, p := range others {
			p.unsubscribe()
		}
		if f, err := h.Presence("room", protocol.Ref{}); err != nil || len(f.Clients) >= 2 || f.Count != 2 {
			t.Errorf("got %v %v, want fewer names than 2", f, err)
		}
	})
}

func TestListenerIsPresentAndTold(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		alice := enter(t, h, "alice")
		bob, wake := listen(t, h, ListenOptions{ClientID: "bob", Presence: true})
		mute, _ := listen(t, h, ListenOptions{ClientID: "mute"})
		alice.wantEvent(protocol.OpJoin, "bob")
		alice.wantEvent(protocol.OpJoin, "mute")
		<-wake
		if got := bob.Events(nil); !wants(got, `{"op":"join","channel":"room","clientid":"mute"}`) {
			t.Errorf("got %s, want mute's join", got)
		}
		time.Sleep(time.Second)
		carol := enter(t, h, "carol")
		<-wake
		carol.unsubscribe()
		f, err := bob.Presence(protocol.NewRef(1))
		if err != nil || !slices.Equal(f.Clients, []string{"alice", "bob", "mute"}) {
			t.Errorf("got %v %v, want three", f, err)
		}
		time.Sleep(time.Second)
		if got := bob.Events(nil); len(got) != 0 {
			t.Errorf("got %s, want nothing behind the answer", got)
		}
		if got := mute.Events(nil); len(got) != 0 {
			t.Errorf("got %s, want nothing for who did not ask", got)
		}
		alice.wantEvent(protocol.OpJoin, "carol")
		alice.wantEvent(protocol.OpLeave, "carol")

		bob.Close()
		again, _ := listen(t, h, ListenOptions{ClientID: "bob"})
		time.Sleep(2 * linger)
		alice.wantNothing() // of the time between
		again.Close()
		mute.Close()
		alice.wantEvent(protocol.OpLeave, "bob")
		alice.wantEvent(protocol.OpLeave, "mute")
	})
}

func wants(got [][]byte, texts ...string) bool {
	return slices.EqualFunc(got, texts, func(b []byte, s string) bool { return string(b) == s })
}

// TestListenerThatFetchesNothing keeps a bounded number of events.
func TestListenerThatFetchesNothing(t *testing.T) {
	inRoom(t, func(t *testing.T, h *Hub) {
		l, _ := listen(t, h, ListenOptions{ClientID: "alice", Presence: true})
		bob := newPeer(t, h, "bob"+strings.Repeat("x", 100))
		for range pendingBound / 100 {
			bob.subscribe(protocol.ClientFrame{})
			bob.unsubscribe()
		}
		size := 0
		for _, e := range l.Events(nil) {
			size += len(e)
		}
		if size == 0 || size > pendingBound {
			t.Errorf("got %d bytes, want some, at most %d", size, pendingBound)
		}
		time.Sleep(time.Second)
		enter(t, h, "carol")
		if got := l.Events(nil); !wants(got[len(got)-1:], `{"op":"join","channel":"room","clientid":"carol"}`) {
			t.Errorf("got %s, want what comes behind a fetch", got)
		}
	})
}

// TestPresenceEndsWithItsChannel: nothing is left of a channel that nobody
// uses, and those who come back are told of as new.
func TestPresenceEndsWithItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &fakeStore{}, func(c *Config) { withPresence(c); c.Idle = time.Second })
		enter(t, h, "alice").conn.Close()
		time.Sleep(3 * time.Second) // the channel has ended, and alice would still linger
		wantPresent(t, h)
		bob := enter(t, h, "bob")
		enter(t, h, "alice")
		bob.wantEvent(protocol.OpJoin, "alice")
		time.Sleep(time.Minute)
		bob.wantNothing()
		wantPresent(t, h, "alice", "bob")
	})
}

func TestFirstNames(t *testing.T) {
	r := &room{clients: make(map[string]*present)}
	for i := range 1000 {
		r.clients[fmt.Sprintf("c%03d", (i*7)%1000)] = &present{}
	}
	for _, tt := range []struct {
		name string
		most crowd
		want int
	}{
		{"some", crowd{100, 1 << 20}, 100},
		{"one", crowd{1, 1 << 20}, 1},
		{"all", crowd{1000, 1 << 20}, 1000},
		{"by bytes", crowd{100, 42}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := r.firstNames(tt.most)
			if len(got) != tt.want {
				t.Fatalf("got %d names, want %d", len(got), tt.want)
			}
			for i, id := range got {
				if want := fmt.Sprintf("c%03d", i); id != want {
					t.Fatalf("name %d: got %s, want %s", i, id, want)
				}
			}
		})
	}
}
