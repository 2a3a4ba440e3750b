package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A Transport is a way to the gateway. The zero Transport is none, or, in
// Options, whichever works.
type Transport string

// The transports there are.
const (
	WebSocket Transport = "websocket"
	LongPoll  Transport = "longpoll"
)

// Options are for [Dial] and [New]. The zero Options are good: a client id
// that nobody else has, no token, and silence.
type Options struct {
	// ClientID names the client: 1 to 128 bytes without spaces. Two programs
	// must not share one, or neither hears the other. "": one is made up, which
	// stays the same for the Client's life.
	ClientID string

	// Token is asked for a token before every connection, and so after each
	// break; its context ends when the connection is not wanted any more. An
	// error counts as a failed attempt. Where the gateway says that a token
	// has expired, Token is asked again, once, before the client gives up.
	// nil: no token.
	Token func(ctx context.Context) (string, error)

	// HTTPClient makes all connections, WebSockets included; its Timeout is
	// not used. nil: one of the Client's own, with the environment's proxy.
	HTTPClient *http.Client

	// Logger is told of connections and their ends (Info), of attempts that
	// failed (Warn) and of the rest (Debug); of messages never. nil: nobody is
	// told.
	Logger *slog.Logger

	// Backoff tells how long to wait between attempts.
	Backoff Backoff

	// Transport restricts the client to one transport. "": WebSocket, and
	// long-poll where it is blocked.
	Transport Transport
}

// A Backoff bounds the pauses between attempts. A pause is random between Min
// and a bound that doubles from four times Min up to Max, so that the clients
// of a gateway that fell don't come back at the same moment.
type Backoff struct {
	Min time.Duration // 0: 500 milliseconds
	Max time.Duration // 0: 20 seconds
}

// SubscribeOptions say where a subscription begins. Zero: from now on.
type SubscribeOptions struct {
	// Since asks for all that followed a place: a Message's Cursor, or that of
	// a Receipt. What can't be had any more is told as a GapError.
	Since protocol.Cursor
	// History asks for so many of the newest messages first, as far as they
	// are kept; at most 1000. Since and History exclude each other.
	History int
	// Echo brings one's own messages, too.
	Echo bool
	// Buffer is how many messages, joins and leaves wait for a slow reader, of
	// up to the gateway's bound on messages (64 KiB by default) each. Beyond it,
	// the channel is given back to the gateway, and fetched from there once
	// half of the buffer is free. 0: 256.
	Buffer int
}

const defaultBuffer = 256

func (o Options) withDefaults() Options {
	o.ClientID = cmp.Or(o.ClientID, protocol.NewClientID())
	o.Backoff.Max = cmp.Or(o.Backoff.Max, max(mostPause, o.Backoff.Min))
	o.Backoff.Min = cmp.Or(o.Backoff.Min, min(leastPause, o.Backoff.Max))
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) check() error {
	if err := protocol.CheckClientID(o.ClientID); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	switch {
	case o.Backoff.Min < 0 || o.Backoff.Max < o.Backoff.Min:
		return fmt.Errorf("client: back-off from %v to %v can't be", o.Backoff.Min, o.Backoff.Max)
	case o.Transport != "" && o.Transport != WebSocket && o.Transport != LongPoll:
		return fmt.Errorf("client: there is no transport %q", o.Transport)
	}
	return nil
}

func (o Options) uses(kind Transport) bool { return o.Transport == "" || o.Transport == kind }

func (o SubscribeOptions) check() error {
	switch {
	case o.Since != "" && o.History != 0:
		return errors.New("client: Since and History exclude each other")
	case o.History < 0 || o.Buffer < 0:
		return fmt.Errorf("client: a history of %d or a buffer of %d messages can't be", o.History, o.Buffer)
	}
	return nil
}

// address is the gateway's URL as it is used: http or https, with the default
// path where raw has none.
func address(raw string) (string, error) {
	u, err := url.Parse(raw)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the rest repeats the URL, which may hold a secret
	}
	if err != nil {
		return "", fmt.Errorf("client: the URL can't be read: %w", err)
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return "", fmt.Errorf("client: the URL begins with %q, want http, https, ws or wss", u.Scheme)
	}
	if u.Host == "" {
		return "", errors.New("client: the URL names no host")
	}
	if u.Query().Has("clientid") {
		return "", errors.New("client: the URL has a clientid; it belongs into Options")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/channel"
	}
	u.Fragment = ""
	return u.String(), nil
}
