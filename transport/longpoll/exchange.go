package longpoll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/commchannel/gateway/hub"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// An exchange is one request on its way to its answer. It belongs to the
// request's goroutine, or to the server that holds it.
type exchange struct {
	// static
	h        *Handler
	ctx      context.Context // the request's
	addr     netip.Addr
	deadline time.Time // after which no frame asks the store for anything
	wake     func()    // when there may be something to tell

	clientID string // empty: the client could not be told who it is
	welcome  bool   // to be told however the exchange ends
	prompt   bool   // to be answered at once
	draining bool   // the gateway's going away ended the wait
	held     bool   // by the server, beyond the handler's return

	replies []byte // frames, each with a comma behind it
	subs    []*subscription
	asked   pattern // of the body; empty: the next one is no matter
}

func newExchange(h *Handler, r *http.Request) *exchange {
	return &exchange{
		h: h, ctx: r.Context(), addr: h.cfg.Guard.ClientAddr(r),
		deadline: time.Now().Add(h.cfg.Limits.StoreTimeout),
	}
}

func (x *exchange) close() {
	for _, s := range x.subs {
		s.listener.Close()
	}
}

// identify finds out whose exchange it is, by its "hello" or else by the
// URL's clientid, and returns the frames after the "hello". If it can't, the
// answer is the reason alone, and x.clientID stays empty.
func (x *exchange) identify(r *http.Request, frames []protocol.ClientFrame, errs []error) ([]protocol.ClientFrame, []error) {
	if len(frames) > 0 && frames[0].Op == protocol.OpHello {
		if errs[0] != nil {
			x.fail(protocol.Ref{}, errs[0])
			return nil, nil
		}
		if x.clientID = frames[0].ClientID; x.clientID == "" {
			x.clientID, x.welcome = protocol.NewClientID(), true
		}
		return frames[1:], errs[1:]
	}
	id, ok := transport.QueryValue(r, "clientid")
	if !ok {
		x.fail(protocol.Ref{}, &protocol.Error{
			Code:    protocol.CodeBadFrame,
			Message: `the first frame of an exchange is "hello"`,
		})
	} else if err := protocol.CheckClientID(id); err != nil {
		x.fail(protocol.Ref{}, err)
	} else {
		x.clientID = id
	}
	return frames, errs
}

// process carries out the frames in their order, one after the other.
func (x *exchange) process(frames []protocol.ClientFrame, errs []error) {
	for i := range frames {
		f := &frames[i]
		err := errs[i]
		if err == nil {
			err = x.handle(f)
		}
		if err != nil {
			x.fail(f.Ref, err)
		}
	}
	x.prompt = x.prompt || len(x.subs) == 0 // nothing to wait for
}

func (x *exchange) handle(f *protocol.ClientFrame) error {
	x.prompt = x.prompt || f.Op != protocol.OpSubscribe
	switch f.Op {
	case protocol.OpSubscribe:
		return x.subscribe(f)
	case protocol.OpUnsubscribe:
		x.unsubscribe(f)
	case protocol.OpSend:
		return x.send(f)
	case protocol.OpPing:
		x.acknowledge(&protocol.ServerFrame{Op: protocol.OpPong, Ref: f.Ref})
	case protocol.OpPresence:
		return x.presence(f)
	case protocol.OpHello:
		return &protocol.Error{Code: protocol.CodeBadFrame, Message: `"hello" is the first frame only`}
	}
	return nil
}

func (x *exchange) send(f *protocol.ClientFrame) error {
	if err := x.late(); err != nil {
		return err
	}
	sent, err := x.h.sender.Send(x.ctx, f, x.clientID)
	if err == nil {
		x.acknowledge(&sent)
	}
	return err
}

// late keeps an exchange of many frames from waiting for a dead store once
// for each of them.
func (x *exchange) late() error {
	if time.Now().Before(x.deadline) {
		return nil
	}
	return &protocol.Error{Code: protocol.CodeUnavailable, Message: "the frames before this one took too long; try again"}
}

func (x *exchange) subscribe(f *protocol.ClientFrame) error {
	if err := x.maySubscribe(f.Channel); err != nil {
		return err
	}
	if err := x.late(); err != nil {
		return err
	}
	l, err := x.h.cfg.Hub.Listen(x.ctx, f.Channel, hub.ListenOptions{
		Since: f.Since, History: f.History,
		ClientID: x.clientID, Echo: f.Echo, Presence: true,
		Wake: x.wake,
	})
	if err != nil {
		return err
	}
	s := &subscription{ref: f.Ref, channel: f.Channel, listener: l, resumed: f.Since != ""}
	s.cursor, s.recovered = l.Start()
	x.subs = append(x.subs, s)
	// Who has no place yet, or has lost some messages, is to know it at once.
	x.prompt = x.prompt || !s.resumed || !s.recovered
	return nil
}

func (x *exchange) maySubscribe(channel string) error {
	if err := transport.MayRead(channel, x.addr); err != nil {
		return err
	}
	if x.find(channel) >= 0 {
		return &protocol.Error{Code: protocol.CodeBadFrame, Message: fmt.Sprintf("subscribed to %q twice", channel)}
	}
	if most := x.h.cfg.Limits.MaxChannels; len(x.subs) >= most {
		return transport.TooManyChannels(most)
	}
	return nil
}

// presence answers with who is there. Who may not read a channel may not know
// who does.
func (x *exchange) presence(f *protocol.ClientFrame) error {
	if err := transport.MayRead(f.Channel, x.addr); err != nil {
		return err
	}
	ask := func(ref protocol.Ref) (*protocol.ServerFrame, error) { return x.h.cfg.Hub.Presence(f.Channel, ref) }
	if i := x.find(f.Channel); i >= 0 {
		ask = x.subs[i].listener.Presence
	}
	answer, err := ask(f.Ref)
	if err == nil {
		x.reply(answer)
	}
	return err
}

// unsubscribe takes back a subscription of the same exchange. There are no
// others to end: those of the exchanges before ended with them, but for the
// client's presence.
func (x *exchange) unsubscribe(f *protocol.ClientFrame) {
	if i := x.find(f.Channel); i >= 0 {
		x.subs[i].listener.Close()
		x.subs = slices.Delete(x.subs, i, i+1)
	}
	x.h.cfg.Hub.Leave(f.Channel, x.clientID)
	x.acknowledge(&protocol.ServerFrame{Op: protocol.OpUnsubscribed, Ref: f.Ref, Channel: f.Channel})
}

func (x *exchange) find(channel string) int {
	return slices.IndexFunc(x.subs, func(s *subscription) bool { return s.channel == channel })
}

// acknowledge puts f into the answer if its request had a ref.
func (x *exchange) acknowledge(f *protocol.ServerFrame) {
	if _, ok := f.Ref.Value(); ok {
		x.reply(f)
	}
}

func (x *exchange) fail(ref protocol.Ref, err error) {
	x.prompt = true
	if errors.Is(err, context.Canceled) && x.ctx.Err() != nil {
		return // nobody is left to be told
	}
	e := *transport.Failure(&x.h.cfg.Log, err)
	e.Ref = ref
	x.reply(e.Frame())
}

func (x *exchange) reply(f *protocol.ServerFrame) {
	x.replies = append(f.Append(x.replies), ',')
}
