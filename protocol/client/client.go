package client

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crypto/rand"

	"github.com/commchannel/gateway/protocol"
)

// A Client is a connection to a gateway that comes back by itself until it is
// closed. Its methods may be called from any goroutine.
type Client struct {
	loop    *loop
	idle    func() // gives up connections that nobody uses
	stem    string // of message ids
	count   atomic.Uint64
	closing sync.Once
}

// Dial connects to a gateway, and returns once it is welcomed. Where the first
// attempt fails, over WebSocket and over long-poll, so does Dial: New keeps on
// trying. ctx bounds Dial and not the Client, which lasts until Close.
//
// url is the gateway's, with http, https, ws or wss; without a path, it is
// that of /channel.
func Dial(ctx context.Context, url string, opts Options) (*Client, error) {
	c, err := New(url, opts)
	if err != nil {
		return nil, err
	}
	select {
	case err = <-c.loop.first:
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // whatever else there is to tell
		err = ctx.Err()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// New makes a Client that connects as soon as it can, for programs that may
// start before their gateway. What it is asked for waits until then. Its error
// tells of a URL or an option that can't be.
func New(url string, opts Options) (*Client, error) {
	url, err := address(url)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	hc, idle := httpClient(opts.HTTPClient)
	c := newClient(opts, func(kind Transport) link {
		if kind == WebSocket {
			return &webSocket{url, hc}
		}
		return newLongPoll(url, hc, opts.Backoff)
	})
	c.idle = idle
	go c.loop.run()
	return c, nil
}

// newClient makes a Client whose loop does not run yet.
func newClient(opts Options, open func(Transport) link) *Client {
	return &Client{
		loop: newLoop(opts, open),
		idle: func() {},
		// Over 120 random bits, and a letter that neither PHP's ids, in
		// hexadecimal, nor the gateway's, with "g", begin with.
		stem: "n" + strings.ToLower(rand.Text()) + "-",
	}
}

// httpClient is what makes the connections, and how it gives up those that
// nobody uses. A time-out would cut off answers that are held, and WebSockets.
func httpClient(given *http.Client) (hc *http.Client, idle func()) {
	if given != nil {
		own := *given
		own.Timeout = 0
		return &own, func() {}
	}
	var t *http.Transport
	if std, ok := http.DefaultTransport.(*http.Transport); ok {
		t = std.Clone()
	} else {
		t = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	return &http.Client{Transport: t}, t.CloseIdleConnections
}

// ClientID is who the client is: Options.ClientID or the id made up in its
// place, unless the gateway, once it has welcomed the client, knows better from
// its token.
func (c *Client) ClientID() string { return c.loop.clientID() }

// Transport tells over what the client is connected, "" while it is not.
func (c *Client) Transport() Transport { return c.State().Transport }

// Channel is a channel by its name. It costs nothing; a name that can't be is
// told by what is done with it.
func (c *Client) Channel(name string) *Channel { return &Channel{c, name} }

// Ping asks the gateway for an answer, and tells how long that took. While there
// is no connection it waits for one, as everything does.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	_, err := c.loop.ask(ctx, protocol.ClientFrame{Op: protocol.OpPing})
	return time.Since(began), err
}

// Done is closed when the client has ended: by Close, or because the gateway
// does not want it back.
func (c *Client) Done() <-chan struct{} { return c.loop.done }

// Err tells why the client has ended: ErrClosed or a *RefusedError; nil while it
// has not.
func (c *Client) Err() error {
	select {
	case <-c.loop.done:
		return c.loop.err
	default:
		return nil
	}
}

// Close ends the client and waits until nothing of it is left. It says goodbye to
// the gateway, so that others are told at once that the client is gone; for two
// seconds at most, where the gateway does not answer. What is not answered fails
// with ErrClosed, and with ErrUnconfirmed, too, if it was sent. The error is
// always nil.
func (c *Client) Close() error {
	c.closing.Do(func() { close(c.loop.leaving) })
	<-c.loop.done
	c.idle()
	return nil
}

func (c *Client) newMessageID() string {
	return c.stem + strconv.FormatUint(c.count.Add(1), 36)
}
