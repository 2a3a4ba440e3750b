package bench

import "time"

// A Dialect is how a server is spoken to. Its methods may be called from any
// goroutine.
type Dialect interface {
	// Subscriber is the conversation of a subscriber that follows channels.
	Subscriber(number int, channels []int) Session
	// Publisher is the conversation of a publisher.
	Publisher(number int) Publisher
}

// A Session is a client's side of a conversation. It belongs to one goroutine.
type Session interface {
	// Open appends what the client says first. It reports whether that is all
	// it takes; otherwise Take calls Inbox.Ready later.
	Open(dst []byte) (said []byte, ready bool)
	// Take looks at the bytes that came and were not taken yet, and returns how
	// many of them it takes. The rest comes again, with more behind it. It
	// keeps nothing of p. An error ends the conversation.
	Take(p []byte, in *Inbox) (n int, err error)
}

// A Publisher is a Session that sends.
type Publisher interface {
	Session
	// Message appends what the client says to publish a text, which has no
	// quotes or control characters. It may be called while Take runs.
	Message(dst []byte, channel int, text []byte) []byte
}

// Sends is a Publisher made of a Session and a function.
type Sends struct {
	Session
	Text func(dst []byte, channel int, text []byte) []byte
}

var _ Publisher = Sends{}

// Message calls Text.
func (s Sends) Message(dst []byte, channel int, text []byte) []byte {
	return s.Text(dst, channel, text)
}

// An Inbox takes what a Session finds in the bytes.
type Inbox struct {
	follower *follower // nil: a publisher's
	skip     int       // bytes of a message that hold no other one
	now      int64     // unix nanoseconds, when the bytes came

	ready bool
	gaps  int
	say   []byte
	after time.Duration // when to say it
}

// Ready tells that the client may begin: a subscriber follows all its
// channels.
func (in *Inbox) Ready() { in.ready = true }

// Messages counts the messages in p, which must hold each in full, but for
// what is behind its head.
func (in *Inbox) Messages(p []byte) {
	for {
		m, size := findMarker(p)
		if size == 0 {
			return
		}
		if in.follower != nil {
			in.follower.take(m, in.now)
		}
		p = p[min(size+in.skip, len(p)):]
	}
}

// Gap tells that the server said that messages may be missing.
func (in *Inbox) Gap() { in.gaps++ }

// Say has p written.
func (in *Inbox) Say(p []byte) { in.say = append(in.say, p...) }

// SayAfter has p written after a pause, which is the same for all that a
// Session says this way.
func (in *Inbox) SayAfter(pause time.Duration, p []byte) {
	in.Say(p)
	in.after = pause
}
