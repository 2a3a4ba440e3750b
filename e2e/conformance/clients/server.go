package clients

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

const (
	// hold is how long an exchange waits.
	hold       = 2 * time.Second
	maxMessage = 65536
	ping       = 25
)

// A message is one of the channel's. Its cursor is that of its place.
type message struct {
	id, from, payload string
	replyTo           string
	gap               bool // no message, but that some are missing here
	forced            bool // told to its sender, too
}

// obj is a frame as the server writes it.
type obj map[string]any

// An event is something that a client did.
type event struct {
	op    string // of a frame, or "open" or "end" for a connection or an exchange
	link  int    // the number of the connection or exchange, from 1
	at    time.Time
	frame map[string]json.RawMessage
}

func (e event) str(key string) string {
	var s string
	_ = json.Unmarshal(e.frame[key], &s) // fault tells of it
	return s
}

// A reception is how a client is received.
type reception struct {
	welcomeIn time.Duration
	mute      bool   // nothing is ever said
	brief     bool   // the connection is cut behind the welcome
	code      int    // of a close, in the place of welcome
	error     string // the same, for long-poll
}

// A server is what the client under test connects to: a channel that keeps its
// messages, with both transports. It keeps to the protocol; the scenes say how
// it fares.
type server struct {
	// static
	t         *trial.T
	transport string
	channel   string
	client    string // the client's id
	events    *journal[event]
	http      *http.Server
	serving   sync.WaitGroup
	ending    chan struct{}

	// set before listen
	receive func(link int) reception // nil: with a welcome
	noise   bool                     // say what later versions may

	mu       sync.Mutex
	links    int
	open     map[*link]bool // WebSockets
	messages []message
	lost     int                   // so many of the first can't be had any more
	acks     map[string]bool       // ids that were taken
	withheld int                   // so many sends are taken, and the connection cut before they are acknowledged
	refusing string                // a code that sends are refused with
	losing   bool                  // the next answer that tells of messages is lost
	hasty    []string              // what exchanges are answered with, at once, that would be held; nil: they are held
	changed  chan struct{}         // closed when held exchanges are to look
	held     map[chan parting]bool // exchanges under way, which take one
	shut     *reception            // how clients are received from now on; nil: as receive says
	faulty   string                // what the client did that no client may
}

// A parting is how connections end.
type parting struct {
	code  int // 0: without a word
	retry int // milliseconds in "bye"; 0: there is none
	// shut is how clients are received from then on; nil: as receive says.
	shut *reception
	// lose is how many of the first messages can't be had any more.
	lose int
}

func newServer(t *trial.T, transport, channel, client string) *server {
	return &server{
		t: t, transport: transport, channel: channel, client: client, events: newJournal[event](), ending: make(chan struct{}),
		open: make(map[*link]bool), acks: make(map[string]bool), changed: make(chan struct{}), held: make(map[chan parting]bool),
	}
}

// listen begins to serve and returns the URL.
func (s *server) listen() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: patience}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // until close
	return "http://" + l.Addr().String() + "/channel", nil
}

func (s *server) close() {
	close(s.ending)
	s.http.Close()
	s.mu.Lock()
	for l := range s.open {
		l.conn.Cut()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// did notes what the client did.
func (s *server) did(op string, link int, frame map[string]json.RawMessage) {
	s.events.add(event{op: op, link: link, at: time.Now(), frame: frame})
}

// blame notes the first thing that no client may do.
func (s *server) blame(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faulty == "" {
		s.faulty = fmt.Sprintf(format, args...)
	}
}

func (s *server) fault() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulty
}

// cursor is the place behind so many messages.
func cursor(n int) string { return fmt.Sprintf("c%d", n) }

// place is the number of a cursor, -1 if it is none of ours.
func place(cursor string) int {
	var n int
	if _, err := fmt.Sscanf(cursor, "c%d", &n); err != nil {
		return -1
	}
	return n
}

// publish adds messages to the channel.
func (s *server) publish(list ...message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(list...)
}

func (s *server) add(list ...message) {
	for _, m := range list {
		if m.id == "" {
			m.id = fmt.Sprintf("x%d", len(s.messages)+1)
		}
		s.messages = append(s.messages, m)
	}
	for l := range s.open {
		l.catchUp()
	}
	s.wake()
}

func (s *server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// part ends all connections, and reports false if there is none that is
// subscribed. What is given happens before a new one is served.
func (s *server) part(p parting, meanwhile ...message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := len(s.held) > 0
	for l := range s.open {
		there = there || l.subscribed
	}
	if !there {
		return false
	}
	for l := range s.open {
		l.part(p)
		delete(s.open, l)
	}
	for h := range s.held {
		h <- p
		delete(s.held, h)
	}
	s.shut, s.lost = p.shut, p.lose
	s.add(meanwhile...)
	return true
}

// letIn has clients be received as receive says again.
func (s *server) letIn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = nil
}

// loseAnswer has the next answer with messages be lost on its way.
func (s *server) loseAnswer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losing = true
}

// hurry has exchanges that would be held be answered at once with these texts
// from now on, those that are held soon; nil: they are held.
func (s *server) hurry(texts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hasty = texts
}

func (s *server) haste() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hasty
}

// refuseSends has sends be refused with a code; "": they are taken.
func (s *server) refuseSends(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusing = code
}

// enter is the number of a new connection or exchange, and how it is received.
func (s *server) enter() (int, reception) {
	s.mu.Lock()
	s.links++
	n, shut := s.links, s.shut
	s.mu.Unlock()
	s.did("open", n, nil)
	switch {
	case shut != nil:
		return n, *shut
	case s.receive != nil:
		return n, s.receive(n)
	}
	return n, reception{}
}

// withhold has the next n sends be taken and not be acknowledged.
func (s *server) withhold(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.withheld = n
}

// taken is how many messages the client has sent.
func (s *server) taken() []message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []message
	for _, m := range s.messages {
		if m.from == s.client && s.acks[m.id] {
			list = append(list, m)
		}
	}
	return list
}
