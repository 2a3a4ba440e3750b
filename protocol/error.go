package protocol

// A Code tells a program what went wrong; see docs/protocol.md.
type Code string

// The error codes.
const (
	CodeBadFrame        Code = "bad_frame"         // not a frame, or a field that can't be
	CodeBadChannel      Code = "bad_channel"       // a channel name that can't be
	CodeBadClient       Code = "bad_client"        // a client id that can't be
	CodeUnknownOp       Code = "unknown_op"        // an op this version doesn't know
	CodeForbidden       Code = "forbidden"         // known, and not allowed here
	CodeUnauthorized    Code = "unauthorized"      // no token, or a bad one
	CodeTokenExpired    Code = "token_expired"     // a new token is wanted
	CodeTooLarge        Code = "too_large"         // beyond the bound on a message
	CodeRateLimited     Code = "rate_limited"      // too many in too short a time
	CodeTooManyChannels Code = "too_many_channels" // beyond the bound on a connection's channels
	CodeNotSubscribed   Code = "not_subscribed"    // unsubscribe from a channel not subscribed to
	CodeUnavailable     Code = "unavailable"       // the store can't be reached; try again
	CodeInternal        Code = "internal"          // a fault of the gateway
)

// An Error is what a frame "error" carries. It is an error to Go.
type Error struct {
	Ref     Ref // of the frame that failed, where it had one
	Code    Code
	Message string // for people
}

func (e *Error) Error() string { return "protocol: " + string(e.Code) + ": " + e.Message }

// A CloseCode is a WebSocket close code of the gateway.
type CloseCode int

// The close codes. A client reconnects after 4000-4099 when bye.retry has
// passed, after 4100-4199 with back-off, after 4200-4299 not by itself.
const (
	CloseNormal      CloseCode = 1000
	CloseGoingAway   CloseCode = 1001
	CloseInvalidText CloseCode = 1007 // text that is not UTF-8

	CloseDraining CloseCode = 4000 // the gateway is stopping

	CloseTooSlow     CloseCode = 4100 // the reader lagged beyond the bound
	CloseUnavailable CloseCode = 4101 // the store can't be reached
	ClosePingTimeout CloseCode = 4102 // nothing heard of the client

	CloseBadFrame     CloseCode = 4200
	CloseUnauthorized CloseCode = 4201
	CloseTokenExpired CloseCode = 4202 // fetch a new token, then reconnect
	CloseForbidden    CloseCode = 4203 // origin or address
	CloseTooMany      CloseCode = 4204 // connections
)

// Reconnects reports whether a client should come back by itself after c.
func (c CloseCode) Reconnects() bool { return c < 4200 || c > 4299 }
