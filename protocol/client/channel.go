package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/commchannel/gateway/protocol"
)

// A Channel is one of a Client's channels. Its methods may be called from any
// goroutine.
type Channel struct {
	client *Client
	name   string
}

// Name is the channel's name.
func (ch *Channel) Name() string { return ch.name }

// Send sends a message and returns once the gateway's store has it. payload is
// anything that encoding/json takes; a json.RawMessage goes as it is.
//
// Without a connection it waits for one. What was on its way when a connection
// broke goes out again, under the same id, by which the gateway delivers it
// once. An error is what the gateway says, a *protocol.Error; ctx's;
// ErrQueueFull; or the client's end. Where the message may have been taken all
// the same, the error is ErrUnconfirmed, too. The Receipt has the ID in any
// case but that of a payload that can't be.
func (ch *Channel) Send(ctx context.Context, typ string, payload any) (Receipt, error) {
	return ch.SendMessage(ctx, Outgoing{Type: typ, Payload: payload})
}

// Reply answers m; else it is as Send.
func (ch *Channel) Reply(ctx context.Context, m *Message, typ string, payload any) (Receipt, error) {
	return ch.SendMessage(ctx, Outgoing{Type: typ, Payload: payload, ReplyTo: m.ID})
}

// SendMessage is Send for what is more than a type and a payload.
func (ch *Channel) SendMessage(ctx context.Context, m Outgoing) (Receipt, error) {
	f, err := ch.frame(m)
	if err != nil {
		return Receipt{}, err
	}
	sent, err := ch.client.loop.ask(ctx, f)
	if err != nil {
		return Receipt{ID: f.ID}, err
	}
	return Receipt{ID: sent.ID, Cursor: sent.Cursor}, nil
}

// Request sends a message and waits for the first reply to it: a message with
// its id as ReplyTo. The channel is subscribed to for that, if it is not; a
// Subscription gets the reply, too. Bound ctx: nobody may answer. Its errors
// are those of Send and Subscribe; where ctx has ended and messages were
// missed, which may have been the reply, a *GapError, too.
//
// A client does not hear itself: who answers is another one.
func (ch *Channel) Request(ctx context.Context, typ string, payload any) (*Message, error) {
	f, err := ch.frame(Outgoing{Type: typ, Payload: payload})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return ch.client.loop.request(ctx, f)
}

// Presence asks who is subscribed to the channel. A gateway that does not keep
// presence answers with a *protocol.Error, protocol.CodeForbidden. Joins and
// Leaves that a Subscription tells of later are changes to the answer, up to the
// next break of the connection (see Client.States), behind which it is to be
// asked anew.
func (ch *Channel) Presence(ctx context.Context) (Presence, error) {
	if err := protocol.CheckChannel(ch.name); err != nil {
		return Presence{}, err
	}
	f, err := ch.client.loop.ask(ctx, protocol.ClientFrame{Op: protocol.OpPresence, Channel: ch.name})
	if err != nil {
		return Presence{}, err
	}
	return presenceOf(&f), nil
}

// Subscribe subscribes to the channel and returns once the gateway has
// confirmed it: what is sent from then on will come. There is one Subscription
// to each channel at a time; a further one is ErrSubscribed. Where Requests
// wait for their replies on the channel, a Subscribe with Since or History
// waits for them. ctx bounds Subscribe and not the Subscription.
func (ch *Channel) Subscribe(ctx context.Context, opts SubscribeOptions) (*Subscription, error) {
	if err := ch.mayBegin(ctx, opts); err != nil {
		return nil, err
	}
	l := ch.client.loop
	s := newSubscription(l, ch.name, opts)
	told := make(chan error, 1)
	if !l.do(func() { l.addSubscription(s, func(err error) { told <- err }) }) {
		return nil, l.err
	}
	select {
	case err := <-told:
		if err != nil {
			return nil, err
		}
		return s, nil
	case <-ctx.Done():
		s.Close()
		return nil, ctx.Err()
	}
}

func (ch *Channel) mayBegin(ctx context.Context, opts SubscribeOptions) error {
	if err := protocol.CheckChannel(ch.name); err != nil {
		return err
	}
	if opts.Since != "" {
		if err := protocol.CheckCursor(opts.Since); err != nil {
			return err
		}
	}
	if err := opts.check(); err != nil {
		return err
	}
	return ctx.Err()
}

// frame is m as it is sent. What the gateway would refuse is refused here: of
// some of it, the gateway would not know which message it was.
func (ch *Channel) frame(m Outgoing) (protocol.ClientFrame, error) {
	f := protocol.ClientFrame{
		Op: protocol.OpSend, Channel: ch.name, Type: m.Type, ID: m.ID, ReplyTo: m.ReplyTo,
	}
	if f.ID == "" {
		f.ID = ch.client.newMessageID()
	}
	var ok bool
	if f.Payload, ok = m.Payload.(json.RawMessage); !ok {
		var err error
		if f.Payload, err = json.Marshal(m.Payload); err != nil {
			return f, fmt.Errorf("client: payload: %w", err)
		}
	} else if len(f.Payload) > 0 {
		if err := protocol.CheckJSON(f.Payload); err != nil {
			return f, fmt.Errorf("client: payload: %w", err)
		}
		f.Payload = append(json.RawMessage(nil), f.Payload...) // the caller's may change
	}
	_, err := protocol.DecodeClient(f.Append(nil))
	return f, err
}
