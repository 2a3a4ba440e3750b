package client

import (
	"errors"
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// What may fail, beside contexts, and what the gateway refuses with a
// *protocol.Error. Compare with errors.Is.
var (
	// ErrClosed: the Client was closed.
	ErrClosed = errors.New("client: closed")
	// ErrQueueFull: 1000 requests are not answered yet. Nothing was sent.
	ErrQueueFull = errors.New("client: too many unanswered requests")
	// ErrUnconfirmed: the gateway did not say whether it took the message.
	// Within two minutes it may be sent again under the same id, see
	// Channel.SendMessage.
	ErrUnconfirmed = errors.New("client: not confirmed")
	// ErrSubscribed: the Client has a Subscription to this channel.
	ErrSubscribed = errors.New("client: already subscribed")
)

// A GapError tells that messages may be missing before the next one: the
// gateway does not have them any more, or one can't be read. A subscription goes on behind it; what
// was built of its messages may have to be built anew.
type GapError struct {
	Channel string
	Cursor  protocol.Cursor // where the channel goes on
}

func (e *GapError) Error() string {
	return fmt.Sprintf("client: messages of channel %q may be missing", e.Channel)
}

// A RefusedError tells that the gateway does not want this client back, so that
// it has ended. Code is from 4200 to 4299.
type RefusedError struct {
	Code   protocol.CloseCode
	Reason string // for people
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("client: refused by the gateway (%d): %s", e.Code, e.Reason)
}

// closeAbnormal is the code of an end without a word, as in WebSockets.
const closeAbnormal protocol.CloseCode = 1006

// A lostError tells how a link ended.
type lostError struct {
	code  protocol.CloseCode // closeAbnormal: without the gateway's word
	retry time.Duration      // to stay away for; 0: the gateway did not say
	err   error
}

func (e *lostError) Error() string {
	if e.code == closeAbnormal {
		return e.err.Error()
	}
	return fmt.Sprintf("close code %d: %v", e.code, e.err)
}

func (e *lostError) Unwrap() error { return e.err }

// asLost is err as a *lostError.
func asLost(err error) *lostError {
	if lost, ok := errors.AsType[*lostError](err); ok {
		return lost
	}
	return &lostError{code: closeAbnormal, err: err}
}

// finalCode is the close code for an error that is about the client itself,
// and closeAbnormal for all that may pass. A bad_frame is not final: over HTTP
// it may as well be about what a proxy made of the request.
func finalCode(code protocol.Code) protocol.CloseCode {
	switch code {
	case protocol.CodeBadClient:
		return protocol.CloseBadFrame
	case protocol.CodeUnauthorized:
		return protocol.CloseUnauthorized
	case protocol.CodeTokenExpired:
		return protocol.CloseTokenExpired
	case protocol.CodeForbidden:
		return protocol.CloseForbidden
	}
	return closeAbnormal
}

// mayPass reports whether what failed with code may work later.
func mayPass(code protocol.Code) bool {
	switch code {
	case protocol.CodeBadFrame, protocol.CodeBadChannel, protocol.CodeBadClient, protocol.CodeUnknownOp,
		protocol.CodeForbidden, protocol.CodeUnauthorized, protocol.CodeTokenExpired, protocol.CodeTooLarge,
		protocol.CodeTooManyChannels, protocol.CodeNotSubscribed:
		return false
	}
	return true // unavailable, rate_limited, internal, and what a later version has
}
