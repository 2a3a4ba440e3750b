package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/commchannel/gateway/internal/memcachedtest"
)

const (
	soakChannel = "soak"
	soakLines   = 300 // of each writer, which takes about a quarter of a minute
	soakPause   = 40 * time.Millisecond
)

// soakWriters are PHP processes with the seed's library.
var soakWriters = []string{"first", "second"}

// A soak has readers of all kinds at two gateways on one memcached.
type soak struct {
	memcached *memcachedtest.Server
	gateways  []*gateway
	ws        map[string]*wsClient // names begin with the gateway's number
	lp        map[string]*longPoller
	pages     map[string]*poller

	mu  sync.Mutex
	ids map[string]string // of the writers' texts, by text
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	m := startMemcached(t)
	s := &soak{
		memcached: m, ids: make(map[string]string),
		ws: make(map[string]*wsClient), lp: make(map[string]*longPoller), pages: make(map[string]*poller),
	}
	for i := range 2 {
		g := onMemcached(t, m.Addr)
		s.gateways = append(s.gateways, g)
		name := func(kind string) string { return fmt.Sprintf("%d-%s", i, kind) }
		for _, kind := range []string{"ws-a", "ws-b"} {
			s.ws[name(kind)] = joinWS(t, g, name(kind), soakChannel)
		}
		for _, kind := range []string{"lp-a", "lp-b"} {
			s.lp[name(kind)] = joinLongPoll(t, g, name(kind), soakChannel)
		}
		s.pages[name("page")] = joinPoller(t, g, fmt.Sprint(100+i), soakChannel)
	}
	return s
}

// of is the gateway of a client with a name.
func (s *soak) of(name string) *gateway { return s.gateways[name[0]-'0'] }

func (s *soak) inboxes() map[string]*inbox {
	all := make(map[string]*inbox)
	for name, c := range s.ws {
		all[name] = &c.inbox
	}
	for name, c := range s.lp {
		all[name] = &c.inbox
	}
	return all
}

// write lets each of the writers send n lines that begin with its name and a
// phase's, all at once, and returns when they are written.
func (s *soak) write(t *testing.T, phase string, n int) {
	t.Helper()
	var all errgroup.Group
	for _, name := range soakWriters {
		name = name + " " + phase
		php := startPHP(t, oldPHP, s.memcached.Addr, soakChannel, name, "JS")
		all.Go(func() error {
			for i := range n {
				if err := s.send(php, line(name, i)); err != nil {
					return err
				}
				pause(t.Context(), soakPause)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (s *soak) send(php *phpAgent, text string) error {
	var answer struct{ ID string }
	if err := php.command(fields{"do": "send", "type": "msg", "payload": text}, &answer); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[text] = answer.ID
	return nil
}

// overwritten is whether a writer's text shares its id with another one: two
// processes with the seed's library choose the same id if they choose it
// within the same microsecond, and the later text takes the earlier one's
// place. Who looked in between has heard both, the others one.
func (s *soak) overwritten(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, known := s.ids[text]
	for other, id := range s.ids {
		if known && id == own && other != text {
			return true
		}
	}
	return false
}

// wantComplete wants texts to have each writer's lines of a phase, once each
// and in their order.
func (s *soak) wantComplete(t *testing.T, who, phase string, n int, texts []string) {
	t.Helper()
	for _, name := range soakWriters {
		name = name + " " + phase
		want := []string{}
		for i := range n {
			if text := line(name, i); !s.overwritten(text) {
				want = append(want, text)
			}
		}
		got := slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
			return !strings.HasPrefix(text, name+" ") || s.overwritten(text)
		})
		wantTexts(t, who+" of "+name, got, want)
	}
}

// TestSoak: two PHP processes write for a while, and readers of all kinds at
// two gateways hear the same in the same order, with nothing missing.
func TestSoak(t *testing.T) {
	s := startSoak(t)
	s.write(t, "soak", soakLines)
	if err := startPHP(t, oldPHP, s.memcached.Addr, soakChannel, "last", "JS").send(lastOne); err != nil {
		t.Fatal(err)
	}
	var first []spot
	for name, b := range s.inboxes() {
		b.await(t, name, lastOne)
		b.wantRecovered(t, name)
		spots := slices.DeleteFunc(b.spots(), func(at spot) bool { return s.overwritten(at.Text) })
		if first == nil {
			first = spots
			s.wantComplete(t, name, "soak", soakLines, b.texts())
		}
		if diff := cmp.Diff(first, spots); diff != "" {
			t.Errorf("%s heard otherwise than others:\n%s", name, diff)
		}
	}
	want := []string{}
	for _, spot := range first {
		want = append(want, spot.Text)
	}
	for name, p := range s.pages {
		p.heard.first(t, name+"'s last message", 0, func(text string) bool { return strings.Contains(text, lastOne) })
		wantTexts(t, name, slices.DeleteFunc(payloads(p.heard.all()), s.overwritten), want)
	}
}

// TestSoakRestart: memcached is killed among all that, and started again. Who
// holds a place is told that messages may be missing, nobody hangs, and sends
// are refused until they work again.
func TestSoakRestart(t *testing.T) {
	const n = 60
	s := startSoak(t)
	sturdy := startSturdy(t, s.memcached)
	s.write(t, "before", n)
	s.awaitLines(t, "before", n-1)
	senders := []*wsClient{joinWS(t, s.gateways[0], "sender-0", "elsewhere"), joinWS(t, s.gateways[1], "sender-1", "elsewhere")}

	s.memcached.Kill(t)
	s.wantRefusals(t, senders)
	s.memcached.Restart(t)
	for i, g := range s.gateways {
		wantReady(t, g, true)
		senders[i].wantSendAgain(t, g, soakChannel, fmt.Sprintf("again %d", i))
	}
	s.awaitPages(t, senders[0])
	s.write(t, "after", n)
	sturdy.awaitMore(t, 5)
	sturdy.stop()
	senders[0].wantSendAgain(t, s.gateways[0], soakChannel, lastOne)
	s.wantTold(t)
	s.wantBothPhases(t, n, sturdy)
}

// awaitLines waits until all readers have each writer's line i of a phase, and
// wants nobody to have been told of a loss.
func (s *soak) awaitLines(t *testing.T, phase string, i int) {
	t.Helper()
	for _, writer := range soakWriters {
		text := line(writer+" "+phase, i)
		for name, b := range s.inboxes() {
			b.await(t, name, text)
			b.wantRecovered(t, name)
		}
		for name, p := range s.pages {
			p.heard.first(t, name+"'s message "+text, 0, func(heard string) bool { return payloads([]string{heard})[0] == text })
		}
	}
}

// wantRefusals wants sends to be refused soon, at both gateways and over both
// transports, and pages to get what does not make them stop.
func (s *soak) wantRefusals(t *testing.T, senders []*wsClient) {
	t.Helper()
	for i, g := range s.gateways {
		began := time.Now()
		answer, err := senders[i].ask(fields{"op": "send", "channel": soakChannel, "type": "msg", "payload": "nowhere"})
		if err != nil || answer.Op != "error" || answer.Code != "unavailable" {
			t.Errorf("a WebSocket's send without memcached: got %+v %v, want unavailable", answer, err)
		}
		lp := &longPoller{id: "lp-sender", channel: soakChannel, http: newHTTP(t)}
		err = lp.send(t.Context(), g, "nowhere")
		if err == nil || !strings.Contains(err.Error(), "unavailable") {
			t.Errorf("a long-poll's send without memcached: got %v, want unavailable", err)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("the refusals took %v", took)
		}
		wantBody(t, newPoller(t, "300", soakChannel), g.url("/channel.php"), "", http.StatusOK, "[]")
	}
}

// wantSendAgain sends, on a new connection if the old one was ended with a
// code to come back after.
func (c *wsClient) wantSendAgain(t *testing.T, g *gateway, channel, text string) {
	t.Helper()
	err := c.send(channel, text)
	if err != nil && strings.Contains(err.Error(), "connection ended with 41") {
		c.mustConnect(t, g)
		err = c.send(channel, text)
	}
	if err != nil {
		t.Errorf("%s's send with memcached back: %v", c.id, err)
	}
}

// awaitPages sends until every page hears something: their places were lost,
// and the first poll after that sets them anew.
func (s *soak) awaitPages(t *testing.T, sender *wsClient) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for i := 0; ; i++ {
		sender.mustSend(t, soakChannel, fmt.Sprintf("anybody there? %d", i))
		deaf := slices.DeleteFunc(s.pageNames(), func(name string) bool {
			return strings.Contains(strings.Join(s.pages[name].heard.all(), "\n"), "anybody there?")
		})
		if len(deaf) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v hear nothing since memcached is back", deaf)
		}
		pause(t.Context(), oldPause/2)
	}
}

func (s *soak) pageNames() []string {
	names := []string{}
	for name := range s.pages {
		names = append(names, name)
	}
	return names
}

// wantTold wants all who hold a place to come to the last message, and to have
// been told on the way that some may be missing.
func (s *soak) wantTold(t *testing.T) {
	t.Helper()
	for name, c := range s.ws {
		c.awaitOver(t, s.of(name), soakChannel, lastOne)
	}
	for name, b := range s.inboxes() {
		b.await(t, name, lastOne)
		if !slices.ContainsFunc(b.all(), func(f frame) bool {
			return f.Op == "gap" || f.Recovered != nil && !*f.Recovered
		}) {
			t.Errorf("%s was not told that messages may be missing", name)
		}
	}
}

// wantBothPhases wants what the writers wrote before memcached went, and after
// it was back, to be complete and in one order, and nothing twice.
func (s *soak) wantBothPhases(t *testing.T, n int, sturdy *sturdyWriter) {
	t.Helper()
	heard := make(map[string][]string)
	for name, b := range s.inboxes() {
		heard[name] = b.texts()
	}
	for name, p := range s.pages {
		p.heard.first(t, name+"'s last message", 0, func(text string) bool { return strings.Contains(text, lastOne) })
		heard[name] = payloads(p.heard.all())
	}
	var first string
	for name, texts := range heard {
		if first == "" {
			first = name
		}
		for _, phase := range []string{"before", "after"} {
			s.wantComplete(t, name, phase, n, texts)
			wantTexts(t, name+" beside "+first, inPhase(texts, phase), inPhase(heard[first], phase))
		}
		wantRising(t, name, texts, sturdy.name)
	}
}

func inPhase(texts []string, phase string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return !strings.Contains(text, " "+phase+" ") })
}

// wantRising wants the numbers of a writer's texts to rise.
func wantRising(t *testing.T, who string, texts []string, writer string) {
	t.Helper()
	last := -1
	for _, text := range texts {
		var i int
		if _, err := fmt.Sscanf(text, writer+" %d:", &i); err != nil {
			continue
		}
		if i <= last {
			t.Errorf("%s heard number %d of %s behind number %d", who, i, writer, last)
		}
		last = i
	}
}

// A sturdyWriter is a PHP process with our library, which writes on while
// memcached is away and back again.
type sturdyWriter struct {
	name string
	sent journal[int] // numbers of the messages that were taken
	stop func()
}

func startSturdy(t *testing.T, m *memcachedtest.Server) *sturdyWriter {
	t.Helper()
	w := &sturdyWriter{name: "sturdy"}
	php := startPHP(t, newPHP, m.Addr, soakChannel, w.name, "JS")
	next := 0
	w.stop = inBackground(t, func(ctx context.Context) {
		if php.send(line(w.name, next)) == nil {
			w.sent.add(next)
		}
		next++ // one that was refused may have been taken
		pause(ctx, soakPause)
	})
	return w
}

func (w *sturdyWriter) awaitMore(t *testing.T, n int) {
	t.Helper()
	w.sent.atLeast(t, w.name+"'s next messages", w.sent.len()+n)
}
