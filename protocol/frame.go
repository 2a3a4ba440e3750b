package protocol

import (
	"encoding/json"
	"strconv"
)

// Version is the protocol's version, told in "welcome".
const Version = 1

// Bounds a gateway keeps unless configured otherwise, and limits of frames.
const (
	DefaultMaxMessage = 64 << 10 // bytes of a message: its payload's JSON, or a polling client's whole body
	MaxType           = 256      // bytes of a message's type
	MaxHistory        = 1000     // messages a subscribe may ask for; more is taken as this many
	MaxChannels       = 64       // channels of one connection or exchange
	MaxToken          = 8 << 10  // bytes of a token
)

// A Ref is a client's own number for a request; it comes back in the answer.
// The zero Ref is none.
type Ref struct {
	n  int64
	ok bool
}

// NewRef makes the Ref n.
func NewRef(n int64) Ref { return Ref{n, true} }

// Value gives the number, and whether there is one.
func (r Ref) Value() (n int64, ok bool) { return r.n, r.ok }

// An Op says what a frame is.
type Op string

// The ops of client frames. OpPresence is in both directions.
const (
	OpHello       Op = "hello"
	OpSubscribe   Op = "subscribe"
	OpUnsubscribe Op = "unsubscribe"
	OpSend        Op = "send"
	OpPresence    Op = "presence"
	OpPing        Op = "ping"
)

// fromClient reports whether o is an op of client frames.
func (o Op) fromClient() bool {
	switch o {
	case OpHello, OpSubscribe, OpUnsubscribe, OpSend, OpPresence, OpPing:
		return true
	}
	return false
}

// The ops of server frames.
const (
	OpWelcome      Op = "welcome"
	OpSubscribed   Op = "subscribed"
	OpUnsubscribed Op = "unsubscribed"
	OpMessage      Op = "message"
	OpGap          Op = "gap"
	OpSent         Op = "sent"
	OpJoin         Op = "join"
	OpLeave        Op = "leave"
	OpError        Op = "error"
	OpPong         Op = "pong"
	OpBye          Op = "bye"
)

// opInto makes no new string of an op that is known.
func opInto(dst *Op, v json.RawMessage) error {
	for _, known := range [...]Op{
		OpSend, OpMessage, OpSent, OpPing, OpPong, OpSubscribe, OpSubscribed, OpUnsubscribe, OpUnsubscribed,
		OpHello, OpWelcome, OpPresence, OpJoin, OpLeave, OpGap, OpError, OpBye,
	} {
		if isString(v) && string(v[1:len(v)-1]) == string(known) {
			*dst = known
			return nil
		}
	}
	return stringInto((*string)(dst), v, 32)
}

// A ClientFrame is what a client says. Which fields count depends on Op.
type ClientFrame struct {
	Op  Op
	Ref Ref

	ClientID string // hello; empty: the gateway chooses one
	Token    string // hello

	Channel string // subscribe, unsubscribe, send, presence

	Since   Cursor // subscribe: everything after this place, or
	History int    // subscribe: the newest so many messages first; 0: from now on
	Echo    bool   // subscribe: one's own messages, too

	Type    string          // send
	Payload json.RawMessage // send; empty means null
	ID      string          // send; empty: the gateway chooses one
	ReplyTo string          // send: the id of the message this one answers
}

// A ServerFrame is what the gateway says. Which fields count depends on Op.
type ServerFrame struct {
	Op      Op
	Ref     Ref    // welcome, message, gap, join, leave and bye have none
	Channel string // all but welcome, error, pong and bye
	Cursor  Cursor // subscribed, message, gap, sent

	ClientID   string // welcome, join, leave
	Version    int    // welcome
	Ping       int    // welcome: a ping comes at least this often, in seconds
	MaxMessage int    // welcome: the bound on a message, in bytes

	Recovered *bool // subscribed; nil where no place was asked for

	ID      string          // message, sent
	Type    string          // message
	From    string          // message
	Payload json.RawMessage // message
	ReplyTo string          // message
	Time    int64           // message: unix milliseconds, 0 where not known

	Clients []string // presence
	Count   int      // presence

	Code    Code   // error
	Message string // error: for people

	Reason string // bye
	Retry  int    // bye: milliseconds to wait before coming back
}

// Err is the *Error that an "error" frame carries, nil for all others.
func (f *ServerFrame) Err() error {
	if f.Op != OpError {
		return nil
	}
	return &Error{Ref: f.Ref, Code: f.Code, Message: f.Message}
}

// An object appends the members of a JSON object one by one.
type object struct{ b []byte }

func begin(dst []byte, op Op) object {
	return object{AppendString(append(dst, `{"op":`...), string(op))}
}

func (o *object) key(k string) {
	o.b = append(append(append(o.b, `,"`...), k...), `":`...)
}

func (o *object) str(k, v string) {
	o.key(k)
	o.b = AppendString(o.b, v)
}

func (o *object) opt(k, v string) {
	if v != "" {
		o.str(k, v)
	}
}

func (o *object) num(k string, v int64) {
	o.key(k)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) optNum(k string, v int64) {
	if v != 0 {
		o.num(k, v)
	}
}

func (o *object) flag(k string, v bool) {
	o.key(k)
	o.b = strconv.AppendBool(o.b, v)
}

func (o *object) raw(k string, v json.RawMessage) {
	o.key(k)
	if len(v) == 0 {
		v = jsonNull
	}
	o.b = append(o.b, v...)
}

func (o *object) ref(r Ref) {
	if r.ok {
		o.num("ref", r.n)
	}
}

func (o *object) end() []byte { return append(o.b, '}') }

var jsonNull = json.RawMessage("null")
