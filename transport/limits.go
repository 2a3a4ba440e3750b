package transport

import (
	"cmp"
	"math/rand/v2"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// Limits bound what one client may cost. A zero field stands for its default.
type Limits struct {
	// MaxMessage bounds a message, in bytes: its payload's JSON, or a polling
	// client's whole body. 0: protocol.DefaultMaxMessage.
	MaxMessage int
	// MaxChannels bounds the channels of one connection or one exchange.
	// 0: protocol.MaxChannels.
	MaxChannels int
	// MaxFrames bounds the frames of one exchange. 0: 256.
	MaxFrames int
	// MaxAnswer is about where an HTTP answer ends and the rest is left for
	// the next one, in bytes. 0: 1 MiB.
	MaxAnswer int
	// Hold is how long an HTTP answer waits for a message, give or take a
	// tenth. 0: 25 s, which common proxies' 60 s and 30 s let through.
	Hold time.Duration
	// Ping is how often a WebSocket hears of the gateway at least. 0: 25 s.
	Ping time.Duration
	// ReadTimeout bounds the reading of a request's body. 0: 10 s.
	ReadTimeout time.Duration
	// WriteTimeout bounds the writing of an answer, or of a piece of a
	// WebSocket's stream. 0: 10 s.
	WriteTimeout time.Duration
	// StoreTimeout bounds what is asked of the store, but for a send, which the
	// hub bounds. 0: 10 s; taking a stalled PHP process's lock may take 6 s of it.
	StoreTimeout time.Duration
}

// WithDefaults is l with its zero fields filled in.
func (l Limits) WithDefaults() Limits {
	l.MaxMessage = cmp.Or(l.MaxMessage, protocol.DefaultMaxMessage)
	l.MaxChannels = cmp.Or(l.MaxChannels, protocol.MaxChannels)
	l.MaxFrames = cmp.Or(l.MaxFrames, 256)
	l.MaxAnswer = cmp.Or(l.MaxAnswer, 1<<20)
	l.Hold = cmp.Or(l.Hold, 25*time.Second)
	l.Ping = cmp.Or(l.Ping, 25*time.Second)
	l.ReadTimeout = cmp.Or(l.ReadTimeout, 10*time.Second)
	l.WriteTimeout = cmp.Or(l.WriteTimeout, 10*time.Second)
	l.StoreTimeout = cmp.Or(l.StoreTimeout, 10*time.Second)
	return l
}

// frameRoom is for what a frame has beside its payload: names in JSON, whose
// bytes may be escapes of six, and a token.
const frameRoom = 32 << 10

// MaxFrame bounds the text of one client frame, in bytes. It leaves room
// beyond MaxMessage, so that a message just too large is refused by an
// "error" that says so and not by the connection's end.
func (l Limits) MaxFrame() int { return 2*l.WithDefaults().MaxMessage + frameRoom }

// MaxExchange bounds the body of one exchange, in bytes: several messages that
// waited for a connection, and a subscription to every channel.
func (l Limits) MaxExchange() int { return 4*l.WithDefaults().MaxMessage + 4*frameRoom }

// Held is Hold give or take a tenth, so that clients who came at once do not
// come again at once.
func (l Limits) Held() time.Duration {
	hold := l.WithDefaults().Hold
	return hold - hold/10 + rand.N(hold/5+1)
}
