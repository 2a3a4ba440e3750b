package hub

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A signal is set any number of times until it is received. It has a capacity
// of 1.
type signal chan struct{}

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// listen begins to listen to "room", with a wake of its own.
func listen(t *testing.T, h *Hub, o ListenOptions) (*Listener, <-chan struct{}) {
	t.Helper()
	wake := make(signal, 1)
	o.Wake = wake.set
	l, err := h.Listen(t.Context(), "room", o)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(l.Close)
	return l, wake
}

// fetch waits for frames.
func fetch(t *testing.T, l *Listener, wake <-chan struct{}) ([]protocol.ServerFrame, protocol.Cursor) {
	t.Helper()
	for {
		texts, cursor, err := l.Next(nil, 1<<20)
		if err != nil {
			t.Fatalf("next: %v", err)
		}
		if len(texts) > 0 {
			var frames []protocol.ServerFrame
			for _, text := range texts {
				f, err := protocol.DecodeServer(text)
				if err != nil {
					t.Fatalf("frame %q: %v", text, err)
				}
				frames = append(frames, f)
			}
			return frames, cursor
		}
		select {
		case <-wake:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing came")
		}
	}
}

func TestListenerGetsWhatComes(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	l, wake := listen(t, h, ListenOptions{ClientID: "alice"})
	if cursor, recovered := l.Start(); cursor != cursorOf(0) || !recovered {
		t.Errorf("start: got %q %v, want c0 true", cursor, recovered)
	}
	publish(t, h, "bob", "a")
	frames, cursor := fetch(t, l, wake)
	if len(frames) != 1 || frames[0].ID != "a" || cursor != cursorOf(1) {
		t.Errorf("got %v %q, want message a and c1", frames, cursor)
	}
}

func TestListenerMovesOverOwnMessages(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	publish(t, h, "alice", "a1")
	l, _ := listen(t, h, ListenOptions{ClientID: "alice", Since: cursorOf(0)}) // from the store
	texts, cursor, err := l.Next(nil, 1<<20)
	if len(texts) != 0 || cursor != cursorOf(1) || err != nil {
		t.Errorf("from the store: got %q %q %v, want nothing and c1", texts, cursor, err)
	}
	publish(t, h, "alice", "a2")
	l2, wake := listen(t, h, ListenOptions{ClientID: "carol"})
	publish(t, h, "alice", "a3")
	fetch(t, l2, wake) // the log has a3 now
	texts, cursor, err = l.Next(nil, 1<<20)
	if len(texts) != 0 || cursor != cursorOf(3) || err != nil {
		t.Errorf("from the log: got %q %q %v, want nothing and c3", texts, cursor, err)
	}
}

func TestListenerGivesAboutAsMuchAsAskedFor(t *testing.T) {
	h := newHub(t, &fakeStore{}, nil)
	publish(t, h, "bob", "a", "b")
	l, wake := listen(t, h, ListenOptions{Since: cursorOf(0)})
	publish(t, h, "bob", "c", "d")
	var got []string
	for len(got) < 4 {
		<-wake
		texts, _, err := l.Next(nil, 1)
		if len(texts) > 1 || err != nil {
			t.Fatalf("got %d frames and %v, want one", len(texts), err)
		}
		for _, text := range texts {
			f, _ := protocol.DecodeServer(text)
			got = append(got, f.ID)
		}
	}
	if want := "[a b c d]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestListenerThatLagsIsTold(t *testing.T) {
	h := newHub(t, &fakeStore{}, func(c *Config) { c.LogCount = 3 })
	l, wake := listen(t, h, ListenOptions{})
	p := newPeer(t, h, "carol")
	p.subscribe(protocol.ClientFrame{})
	for i := range 5 {
		publish(t, h, "bob", strconv.Itoa(i))
		p.wantMessages(strconv.Itoa(i))
	}
	<-wake
	_, last, err := l.Next(nil, 1<<20)
	if !errors.Is(err, ErrLagged) || last != cursorOf(0) {
		t.Fatalf("got %q %v, want c0 and ErrLagged", last, err)
	}
	again, wake := listen(t, h, ListenOptions{Since: last})
	frames, _ := fetch(t, again, wake)
	if len(frames) != 5 || frames[0].ID != "0" {
		t.Errorf("again: got %d frames, want all 5", len(frames))
	}
}

// TestListenersSeeOneOrder has listeners that fetch and listen again, as
// long-polls do, while messages are published.
func TestListenersSeeOneOrder(t *testing.T) {
	const total = 500
	h := newHub(t, &fakeStore{}, func(c *Config) { c.LogCount = 50 })
	var listeners sync.WaitGroup
	for i := range 6 {
		listeners.Go(func() {
			var l *Listener
			wake := make(signal, 1)
			cursor, seen := cursorOf(0), 0
			for seen < total {
				if i%2 == 0 || l == nil || !l.Resume() {
					var err error
					if l, err = h.Listen(t.Context(), "room", ListenOptions{Since: cursor, Wake: wake.set}); err != nil {
						t.Errorf("listen: %v", err)
						return
					}
				}
				if start, recovered := l.Start(); start != cursor || !recovered {
					t.Errorf("since %s: got %s, recovered %v", cursor, start, recovered)
				}
				<-wake
				texts, next, err := l.Next(nil, 1000)
				if err != nil && !errors.Is(err, ErrLagged) {
					t.Errorf("next: %v", err)
				}
				for _, text := range texts {
					f, _ := protocol.DecodeServer(text)
					if want := "m" + strconv.Itoa(seen); f.ID != want {
						t.Errorf("got %q, want %q", f.ID, want)
					}
					seen++
				}
				cursor = next
				l.Close()
			}
		})
	}
	for i := range total {
		publish(t, h, "bob", "m"+strconv.Itoa(i))
	}
	listeners.Wait()
}

// resumed closes l and resumes it, and wants that to be possible or not.
func resumed(t *testing.T, l *Listener, want bool) {
	t.Helper()
	l.Close()
	if got := l.Resume(); got != want {
		t.Fatalf("resume: got %v, want %v", got, want)
	}
}

func TestListenerResumes(t *testing.T) {
	open := func(t *testing.T, h *Hub, o ListenOptions) *Listener {
		t.Helper()
		l, err := h.Listen(t.Context(), "room", o)
		if err != nil {
			t.Fatalf("listen: %v", err)
		}
		return l
	}
	next := func(t *testing.T, l *Listener, most int, want ...string) protocol.Cursor {
		t.Helper()
		texts, cursor, err := l.Next(nil, most)
		got := []string{}
		for _, text := range texts {
			f, _ := protocol.DecodeServer(text)
			got = append(got, f.ID)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("next: got %q %v, want %q", got, err, want)
		}
		return cursor
	}
	inBubble := func(name string, change func(*Config), test func(t *testing.T, h *Hub)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, newHub(t, &fakeStore{}, change)) })
		})
	}
	say := func(t *testing.T, h *Hub, ids ...string) {
		t.Helper()
		publish(t, h, "bob", ids...)
		synctest.Wait()
	}

	inBubble("what came meanwhile follows", nil, func(t *testing.T, h *Hub) {
		wakes := 0
		l := open(t, h, ListenOptions{Wake: func() { wakes++ }})
		say(t, h, "a")
		next(t, l, 1<<20, "a")
		l.Close()
		say(t, h, "b", "c")
		if wakes != 1 {
			t.Errorf("got %d wake-ups, want none while closed", wakes)
		}
		if !l.Resume() {
			t.Fatal("not resumed")
		}
		if cursor, recovered := l.Start(); cursor != cursorOf(1) || !recovered || wakes != 2 {
			t.Errorf("got %s %v and %d wake-ups, want c1 true and one more", cursor, recovered, wakes)
		}
		next(t, l, 1<<20, "b", "c")
		resumed(t, l, true)
		if next(t, l, 1<<20); wakes != 2 {
			t.Errorf("got a wake-up with nothing there")
		}
		l.Close()
	})
	inBubble("what was left of the log follows", nil, func(t *testing.T, h *Hub) {
		l := open(t, h, ListenOptions{})
		say(t, h, "a", "b")
		next(t, l, 1, "a")
		resumed(t, l, true)
		next(t, l, 1<<20, "b")
		l.Close()
	})
	inBubble("not what was left from before the log", nil, func(t *testing.T, h *Hub) {
		say(t, h, "a", "b")
		l := open(t, h, ListenOptions{Since: cursorOf(0)})
		next(t, l, 1, "a")
		resumed(t, l, false)
		l = open(t, h, ListenOptions{Since: cursorOf(0)})
		next(t, l, 1<<20, "a", "b")
		resumed(t, l, true)
		l.Close()
	})
	inBubble("not off the log", func(c *Config) { c.LogCount = 3 }, func(t *testing.T, h *Hub) {
		l, other := open(t, h, ListenOptions{}), open(t, h, ListenOptions{})
		say(t, h, "a")
		next(t, l, 1<<20, "a")
		l.Close()
		say(t, h, "b", "c", "d")
		if !l.Resume() {
			t.Fatal("not resumed directly behind what is trimmed")
		}
		l.Close()
		say(t, h, "e")
		if l.Resume() {
			t.Fatal("resumed from off the log")
		}
		other.Close()
	})
	inBubble("not a channel that has ended", func(c *Config) { c.Idle = time.Second }, func(t *testing.T, h *Hub) {
		l := open(t, h, ListenOptions{})
		resumed(t, l, true)
		l.Close()
		time.Sleep(2 * time.Second)
		if l.Resume() {
			t.Fatal("resumed in a channel that is not there any more")
		}
		l = open(t, h, ListenOptions{}) // the name's next one
		l.Close()
		if !l.Resume() {
			t.Fatal("not resumed")
		}
		l.Close()
		h.Close()
		if l.Resume() {
			t.Fatal("resumed in a hub that is closed")
		}
	})
	inBubble("present as before", withPresence, func(t *testing.T, h *Hub) {
		l := open(t, h, ListenOptions{ClientID: "alice", Presence: true})
		resumed(t, l, true)
		wantPresent(t, h, "alice")
		bob := enter(t, h, "bob")
		bob.conn.Close()
		time.Sleep(2 * linger)
		if got := l.Events(nil); len(got) != 2 {
			t.Errorf("got %q, want that bob came and went", got)
		}
		l.Close()
		time.Sleep(2 * linger)
		wantPresent(t, h)
		if !l.Resume() {
			t.Fatal("not resumed")
		}
		if got := l.Events(nil); len(got) != 0 {
			t.Errorf("got %q, want no news from before", got)
		}
		l.Close()
	})
}
