package clients

import (
	"fmt"
	"slices"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

// A scene is a check under way: the server of the check, and the driver. Its
// methods end the check where the client does not do as it should.
type scene struct {
	*trial.T
	server *server
	driver *driver

	seen  int      // events that were looked at
	told  int      // reports that were looked at
	lacks []string // what the client is not made for
}

// fault ends the check if the client did what no client may.
func (s *scene) fault() {
	if why := s.server.fault(); why != "" {
		s.Failf("%s", why)
	}
}

// await waits for the next event of an op.
func (s *scene) await(op string) event {
	e, ok := s.within(op, patience)
	if !ok {
		s.fault()
		s.Failf("no %s came within %v", op, patience)
	}
	return e
}

// within is await for so long.
func (s *scene) within(op string, d time.Duration) (event, bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		events, grown := s.server.events.from(s.seen)
		for _, e := range events {
			s.seen++
			if e.op == op {
				return e, true
			}
		}
		select {
		case <-grown:
		case <-timer.C:
			return event{}, false
		case <-s.Context().Done():
			return event{}, false
		}
	}
}

// report waits for the driver's next report, beside what it lacks, and what
// comes of that.
func (s *scene) report(what string) report {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		reports, grown := s.driver.reports.from(s.told)
		for _, r := range reports {
			s.told++
			switch {
			case r.Event == "lacks":
				s.lacks = append(s.lacks, r.What)
			case r.Event == "message" && r.From == s.server.client && slices.Contains(s.lacks, "own"):
				// As it said.
			default:
				return r
			}
		}
		select {
		case <-grown:
		case <-s.driver.ended:
			if s.driver.reports.len() == s.told {
				s.Failf("the driver has ended, want %s", what)
			}
		case <-timer.C:
			s.fault()
			s.Failf("the driver did not report %s within %v", what, patience)
		case <-s.Context().Done():
			s.Failf("the driver did not report %s", what)
		}
	}
}

// want wants the driver's next report to be of this kind.
func (s *scene) want(kind string) report {
	r := s.report(kind)
	if r.Event != kind {
		s.Failf("the driver reports %s %s%s, want %s", r.Event, r.ID, r.Payload, kind)
	}
	return r
}

// hear wants the driver to report these messages next.
func (s *scene) hear(texts ...string) {
	for _, text := range texts {
		what := fmt.Sprintf("the message %q", text)
		if r := s.report(what); r.Event != "message" || r.text() != text {
			s.Failf("the driver reports %s %s%s, want %s", r.Event, r.ID, r.Payload, what)
		}
	}
}

// begin waits until the client is subscribed, and has heard a first message.
func (s *scene) begin() {
	s.await("subscribe")
	s.publish("first")
	s.hear("first")
}

// needs skips the check if the client is not made for something. It comes
// behind begin: by then the driver has said so.
func (s *scene) needs(what string) {
	if slices.Contains(s.lacks, what) {
		s.Skipf("the client is not made for it (lacks %q)", what)
	}
}

// text is a message with a text as its payload.
func text(s string) message { return message{from: "somebody", payload: fmt.Sprintf("%q", s)} }

func (s *scene) publish(texts ...string) {
	for _, t := range texts {
		s.server.publish(text(t))
	}
}

// end is the number of messages that the channel has.
func (s *scene) end() int {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	return len(s.server.messages)
}

// part ends the client's connection as soon as it has one, and returns when
// that was. What is given is sent before the client can be back.
func (s *scene) part(p parting, meanwhile ...message) time.Time {
	deadline := time.Now().Add(patience)
	for {
		_, grown := s.server.events.from(0)
		s.seen = s.server.events.len()
		began := time.Now()
		if s.server.part(p, meanwhile...) {
			return began
		}
		select {
		case <-grown:
		case <-s.Context().Done():
			s.Failf("the client is not there")
		case <-time.After(time.Until(deadline)):
			s.Failf("the client was not subscribed within %v", patience)
		}
	}
}

// resumes wants the client to subscribe next from behind the n-th message.
func (s *scene) resumes(n int) {
	if got := s.await("subscribe").str("since"); got != cursor(n) {
		s.Failf("it resumes with the cursor %q, want %q", got, cursor(n))
	}
}

// send has the driver send a text.
func (s *scene) send(text string) {
	if err := s.driver.do(fmt.Sprintf(`{"do":"send","type":"msg","payload":%q}`, text)); err != nil {
		s.Failf("the driver: %v", err)
	}
}
