package cli

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/commchannel/gateway/internal/flags"
	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/protocol/client"
)

const (
	defaultURL = "http://127.0.0.1:8080/channel"
	whichever  = "auto" // the transport that works
)

// A connection is what the flags say about it.
type connection struct {
	url, token, clientID, transport string
}

func (c *connection) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.url, "url", "", "`URL` of the gateway; also by "+urlVariable+" (default "+defaultURL+")")
	f.StringVar(&c.token, "token", "", "`token` that the gateway asks for; also by "+tokenVariable)
	f.StringVar(&c.clientID, "client-id", "", "`name` to be known by; one is made up without")
	c.transport = whichever
	transports := []string{whichever, string(client.WebSocket), string(client.LongPoll)}
	f.Var(settings.OneOf(&c.transport, transports...), "transport", "`way` to the gateway: auto, websocket, longpoll")
	flags.Complete(cmd, "transport", flags.Words(transports...))
	flags.Free(cmd, "url", "token", "client-id")
}

// check tells what of the flags can't be, and adds what the environment says.
func (c *connection) check(environ []string) error {
	c.url = cmp.Or(c.url, variable(environ, urlVariable), defaultURL)
	u, err := url.Parse(c.url)
	switch {
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme):
		return usagef("--url: %q is no URL of a gateway; write it like %s", c.url, defaultURL)
	case u.Query().Has("clientid"):
		return usagef("--url: the clientid belongs into --client-id")
	}
	if c.clientID != "" {
		if err := protocol.CheckClientID(c.clientID); err != nil {
			return usagef("--client-id: %s", oneLine(err))
		}
	}
	c.token = cmp.Or(c.token, variable(environ, tokenVariable))
	return nil
}

// where is the gateway's URL, for people: without what may be secret in it.
func (c *connection) where() string {
	u, err := url.Parse(c.url)
	if err != nil {
		return "--url"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func (c *connection) dial(ctx context.Context) (*client.Client, error) {
	opts := client.Options{ClientID: c.clientID}
	if c.transport != whichever {
		opts.Transport = client.Transport(c.transport)
	}
	if token := c.token; token != "" {
		opts.Token = func(context.Context) (string, error) { return token, nil }
	}
	return client.Dial(ctx, c.url, opts)
}

// within connects and does something, both together within a time.
func (c *connection) within(ctx context.Context, d time.Duration, do func(context.Context, *client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	connected, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer connected.Close()
	return do(ctx, connected)
}

// checkChannels tells which names can't be.
func checkChannels(names ...string) error {
	for i, name := range names {
		if err := protocol.CheckChannel(name); err != nil {
			return usagef("%q: %s", name, oneLine(err))
		}
		if slices.Contains(names[:i], name) {
			return usagef("%q is named twice", name)
		}
	}
	return nil
}
