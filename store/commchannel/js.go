package commchannel

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A Message is a typed message, as browsers and PHP's JSCommChannel write them.
// A text that is none has the Type "" and is itself the Payload.
type Message struct {
	ID      string
	Type    string
	Payload json.RawMessage
	From    string // the sender's client id; "" where nobody was named
	ReplyTo string // the id of the message that this one answers, or ""
}

// A JSChannel is a Channel of typed messages, as the seed's JSCommChannel is.
type JSChannel struct{ texts *Channel }

// NewJS is New for typed messages.
func NewJS(s store.Store, channel, client string) *JSChannel {
	return &JSChannel{New(s, channel, client)}
}

// Send sends a message of a type; payload is anything that encoding/json takes.
// Else it is as Channel.Send.
func (j *JSChannel) Send(ctx context.Context, typ string, payload any) (id string, err error) {
	return j.send(ctx, protocol.Envelope{Type: typ}, payload)
}

// Reply sends an answer to m.
func (j *JSChannel) Reply(ctx context.Context, m Message, typ string, payload any) (id string, err error) {
	return j.send(ctx, protocol.Envelope{Type: typ, ReplyTo: m.ID}, payload)
}

func (j *JSChannel) send(ctx context.Context, e protocol.Envelope, payload any) (string, error) {
	var err error
	if e.Payload, err = json.Marshal(payload); err != nil {
		return "", fmt.Errorf("commchannel: payload: %w", err)
	}
	e.From = j.texts.client
	text := e.Append(nil)
	if err := protocol.CheckJSON(text); err != nil { // a json.RawMessage may hold what PHP can't read
		return "", fmt.Errorf("commchannel: payload: %w", err)
	}
	return j.texts.Send(ctx, string(text))
}

// Messages is as Channel.Messages.
func (j *JSChannel) Messages(ctx context.Context) ([]Message, error) {
	read, err := j.texts.read(ctx)
	messages := make([]Message, len(read))
	for i := range read {
		e := protocol.ParseEnvelope(read[i].Text)
		messages[i] = Message{ID: read[i].ID, Type: e.Type, Payload: e.Payload, From: e.From, ReplyTo: e.ReplyTo}
	}
	return messages, err
}

// Wait is as Channel.Wait.
func (j *JSChannel) Wait(ctx context.Context) ([]Message, error) {
	return wait(ctx, j.texts, j.Messages)
}
