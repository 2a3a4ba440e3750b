package clients

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/wire"
)

func (s *scene) inOrder() {
	s.begin()
	s.publish("one", "two", "three")
	s.hear("one", "two", "three")
	s.publish("four")
	s.hear("four")
	if err := s.driver.leave(); err != nil {
		s.Failf("%v", err)
	}
}

// undisturbed is inOrder over one and the same WebSocket.
func (s *scene) undisturbed() {
	s.inOrder()
	s.seen = 0
	s.await("open")
	if _, ok := s.within("open", 0); ok && s.server.transport == WebSocket {
		s.Failf("it has ended its connection")
	}
}

func (s *scene) resume() {
	s.begin()
	s.publish("one")
	s.hear("one")
	s.part(parting{}, text("two"), text("three"))
	s.resumes(s.end() - 2)
	s.publish("four")
	s.hear("two", "three", "four")
}

func (s *scene) resumeAgain() {
	s.begin()
	for _, t := range []string{"one", "two", "three"} {
		s.part(parting{}, text(t))
		s.resumes(s.end() - 1)
		s.hear(t)
	}
	s.publish("last")
	s.hear("last")
}

func (s *scene) gap() {
	s.begin()
	s.publish("one")
	s.hear("one")
	s.server.publish(message{gap: true})
	s.want("gap")
	s.part(parting{}, text("two"))
	s.resumes(s.end() - 1)
	s.hear("two")
}

func (s *scene) notRecovered() {
	s.begin()
	s.part(parting{lose: s.end() + 2}, text("lost"), text("lost"), text("kept"))
	s.want("gap")
	s.hear("kept")
	s.publish("more")
	s.hear("more")
}

func (s *scene) own() {
	s.begin()
	s.needs("own")
	s.server.publish(message{from: s.server.client, payload: `"own"`, forced: true}, text("other's"))
	s.hear("other's")
	s.server.publish(message{from: s.server.client, payload: `"own"`, forced: true})
	s.publish("last")
	s.hear("last")
	s.part(parting{}, text("after"))
	s.resumes(s.end() - 1)
	s.hear("after")
}

func (s *scene) unknownCode() {
	s.begin()
	s.server.refuseSends("conformance")
	s.send("refused")
	s.await("send")
	s.want("failed")
	s.server.refuseSends("")
	s.publish("on")
	s.hear("on")
	s.send("taken")
	s.sent("taken")
}

// sent wants the client's message to arrive, and to be told as acknowledged.
func (s *scene) sent(text string) {
	id := s.want("sent").ID
	taken := s.server.taken()
	if len(taken) == 0 || taken[len(taken)-1].id != id {
		s.Failf("the driver reports the id %q, and %v came", id, taken)
	}
	if got := taken[len(taken)-1].payload; got != `"`+text+`"` {
		s.Failf("the payload %s came, want %q", got, text)
	}
}

func (s *scene) sends() {
	s.begin()
	for _, t := range []string{"one", "two"} {
		s.send(t)
		s.sent(t)
	}
	if taken := s.server.taken(); len(taken) != 2 {
		s.Failf("%d messages came, want 2", len(taken))
	}
}

func (s *scene) sendsAgain() {
	s.begin()
	s.server.withhold(1)
	s.send("one")
	first := s.await("send")
	again := s.await("send")
	if id := first.str("id"); id == "" || again.str("id") != id {
		s.Failf("it was sent with the id %q, then with %q", id, again.str("id"))
	}
	s.sent("one")
	if taken := s.server.taken(); len(taken) != 1 {
		s.Failf("%d messages came, want 1", len(taken))
	}
}

func (s *scene) bye() {
	const retry = 1200
	s.begin()
	began := s.part(parting{code: 4000, retry: retry}, text("one"))
	if took := s.await("open").at.Sub(began); took < retry*time.Millisecond {
		s.Failf("it came back after %v, want %d ms at least", took.Round(time.Millisecond), retry)
	}
	s.resumes(s.end() - 1)
	s.hear("one")
}

func (s *scene) tooSlow() {
	s.begin()
	s.part(parting{code: 4100}, text("one"))
	s.resumes(s.end() - 1)
	s.hear("one")
}

// backOff turns three attempts away. A client that comes back at once each time
// has been here far too soon.
func (s *scene) backOff() {
	s.turnedAway(parting{code: 4101, shut: &reception{code: 4101, error: "unavailable"}})
}

// brief is backOff with a server that welcomes, and then ends the connection.
func (s *scene) brief() { s.turnedAway(parting{shut: &reception{brief: true}}) }

func (s *scene) turnedAway(p parting) {
	const attempts, least = 3, 500 * time.Millisecond
	s.begin()
	s.needs("backoff")
	began := s.part(p, text("one"))
	var last event
	for range attempts {
		last = s.await("open")
	}
	s.server.letIn()
	if took := last.at.Sub(began); took < least {
		s.Failf("it came back %d times within %v", attempts, took.Round(time.Millisecond))
	}
	s.hear("one")
}

// unheld answers exchanges at once that are to be held. A client that asks again
// at once each time asks some thousand times in that time.
func (s *scene) unheld() {
	const most = 40
	s.begin()
	for _, texts := range [][]string{{}, {unknown}} {
		what := "[" + strings.Join(texts, ",") + "]"
		s.server.hurry(texts)
		s.await("end") // of what was held
		began := time.Now()
		for n := 0; ; n++ {
			if _, ok := s.within("open", away-time.Since(began)); !ok {
				break
			}
			if n > most {
				s.Failf("it asked %d times within %v, answered with %s", n, time.Since(began).Round(time.Millisecond), what)
			}
		}
		s.server.hurry(nil)
		s.publish("after " + what)
		s.hear("after " + what)
	}
}

// refused turns the client away for good: its WebSocket with a close code, its
// exchanges with a status.
func (s *scene) refused(code int, name string) {
	s.begin()
	s.part(parting{code: code, shut: &reception{code: code, error: name}})
	if s.server.transport == LongPoll {
		s.await("open") // the one that is turned away
	}
	s.want("ended")
	s.seen = s.server.events.len()
	if e, ok := s.within("open", away); ok {
		s.Failf("it came back, as number %d", e.link)
	}
}

func (s *scene) payloads() {
	s.begin()
	for _, payload := range []string{`{"any":["JSON",1.5,true,null,{}]}`, `"\u00e9\u0000\u2028/\ud83d\ude00"`, `[]`, `0`, `false`, `""`, `null`} {
		s.server.publish(message{from: "somebody", payload: payload})
		var got, want any
		r := s.want("message")
		if err := json.Unmarshal([]byte(payload), &want); err != nil {
			s.Failf("%v", err)
		}
		if r.Payload != nil && json.Unmarshal(r.Payload, &got) != nil || !reflect.DeepEqual(got, want) {
			s.Failf("the payload %s was told as %s", payload, r.Payload)
		}
	}
}

// pong looks at the frames of the connection themselves.
func (s *scene) pong() {
	s.begin()
	s.server.pingAll("conformance")
	if got := s.await("pong").str("payload"); got != "conformance" {
		s.Failf("the pong has the payload %q", got)
	}
	s.publish("last")
	s.hear("last")
}

func (s *scene) fragments() {
	s.begin()
	large := strings.Repeat("x", maxMessage-2)
	s.publish(large)
	s.hear(large)
	s.server.publishInFragments(text("in fragments \u00e9\U0001f600"))
	s.hear("in fragments \u00e9\U0001f600")
	s.publish("last")
	s.hear("last")
}

func (s *scene) cursorAhead() {
	s.begin()
	s.needs("own")
	s.await("held")
	s.server.publish(message{from: s.server.client, payload: `"own"`})
	s.resumes(s.end())
	s.publish("last")
	s.hear("last")
}

func (s *scene) lostAnswer() {
	s.begin()
	s.await("held")
	s.server.loseAnswer()
	s.publish("one")
	s.resumes(s.end() - 1)
	s.hear("one")
}

// pingAll pings all WebSockets.
func (s *server) pingAll(payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.open {
		_ = l.conn.Write(wire.Frame{Op: wire.Ping, Payload: []byte(payload)}) // the client is gone: no pong comes
	}
}

// publishInFragments is publish with each WebSocket message in pieces, cut
// within letters, and pings between.
func (s *server) publishInFragments(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.open {
		l.inPieces = true
	}
	s.add(m)
	for l := range s.open {
		l.inPieces = false
	}
}

// pieces are a text as a message in fragments.
func pieces(text string) []wire.Frame {
	var frames []wire.Frame
	for i := range len(text) {
		f := wire.Frame{Op: wire.Continuation, More: i < len(text)-1, Payload: []byte{text[i]}}
		if i == 0 {
			f.Op = wire.Text
		}
		frames = append(frames, f)
		if i%16 == 5 {
			frames = append(frames, wire.Frame{Op: wire.Ping})
		}
	}
	return frames
}
