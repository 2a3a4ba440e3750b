package transport

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A Publisher takes messages in; a *hub.Hub is one. Its errors are the
// store's, a context's or *protocol.Error.
type Publisher interface {
	// Publish takes m and gives its place. However long ctx lets it, it waits
	// for the store no longer than it was made to.
	Publish(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error)
	// Format is how channel's messages are written.
	Format(channel string) protocol.Format
}

// A Sender carries out "send" for all entrances. It may be used from any
// goroutine.
type Sender struct {
	Publisher Publisher
	Limits    Limits
	Log       zerolog.Logger
}

// Send publishes the message of a "send" frame as clientID's, and returns the
// "sent" for it once the store has it. Its error is always an
// *protocol.Error with f's Ref. ctx's end does not stop a message on its way;
// the Publisher's own bound does.
func (s *Sender) Send(ctx context.Context, f *protocol.ClientFrame, clientID string) (protocol.ServerFrame, error) {
	most := s.Limits.WithDefaults().MaxMessage
	if len(f.Payload) > most {
		return protocol.ServerFrame{}, withRef(tooLarge(len(f.Payload), most), f.Ref)
	}
	if f.ID == "" {
		f.ID = protocol.NewMessageID(time.Now())
	}
	e := protocol.Envelope{Type: f.Type, Payload: f.Payload, From: clientID, ReplyTo: f.ReplyTo}
	// The text is kept by the store, so it is not to share the frame's memory;
	// the payload may be in it twice.
	room := make([]byte, 0, 2*len(f.Payload)+len(f.Type)+len(clientID)+len(f.ReplyTo)+80)
	text, err := s.Publisher.Format(f.Channel).Append(room, f.ID, &e)
	if err != nil {
		return protocol.ServerFrame{}, withRef(err, f.Ref)
	}
	id, cursor, err := s.Publish(ctx, f.Channel, f.ID, text)
	if err != nil {
		return protocol.ServerFrame{}, withRef(err, f.Ref)
	}
	return protocol.ServerFrame{Op: protocol.OpSent, Ref: f.Ref, Channel: f.Channel, ID: id, Cursor: cursor}, nil
}

// Publish publishes text as it stands under id, or under a new id where it is
// empty, and returns the id and the message's place. Names come in checked;
// the Publisher keeps text. Its error is always an *protocol.Error.
func (s *Sender) Publish(ctx context.Context, channel, id string, text []byte) (string, protocol.Cursor, error) {
	if id == "" {
		id = protocol.NewMessageID(time.Now())
	}
	// A client that sends and leaves has sent: its going away, which ends a
	// request's context, is no reason to drop the message.
	cursor, err := s.Publisher.Publish(context.WithoutCancel(ctx), channel, store.Message{ID: id, Text: text})
	if err != nil {
		return "", "", Failure(&s.Log, err)
	}
	return id, cursor, nil
}

// withRef is err with ref, on a copy: the error may be another request's, too.
func withRef(err error, ref protocol.Ref) error {
	e := *ErrorFrom(err)
	e.Ref = ref
	return &e
}

func tooLarge(size, most int) *protocol.Error {
	return &protocol.Error{
		Code:    protocol.CodeTooLarge,
		Message: fmt.Sprintf("the message has %d bytes, the most is %d", size, most),
	}
}
