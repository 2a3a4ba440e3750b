package client

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A Message is a message of a channel. It must not be changed: others may have
// the same one.
type Message struct {
	Channel string
	Cursor  protocol.Cursor // the place behind it: SubscribeOptions.Since for what follows
	ID      string
	Type    string
	From    string          // the sender's client id; "" where nobody was named
	Payload json.RawMessage // see Payload
	ReplyTo string          // the id of the message that this one answers, or ""
	Time    time.Time       // zero where it is not known; a hint, not an order
}

// Payload reads m's payload as a T, as encoding/json does.
func Payload[T any](m *Message) (T, error) {
	var v T
	if err := json.Unmarshal(m.Payload, &v); err != nil {
		return v, fmt.Errorf("client: payload of message %q, type %q: %w", m.ID, m.Type, err)
	}
	return v, nil
}

// An Event is something that happens in a channel: a *Message, a Join, a Leave
// or a Presence.
type Event interface{ event() }

// A Join tells that a client has subscribed. Only gateways that keep presence
// tell; and not of what happened while there was no connection, or while the
// subscription's buffer was full.
type Join struct{ Channel, ClientID string }

// A Leave tells that a client is not subscribed any more; see Join.
type Leave struct{ Channel, ClientID string }

// A Presence tells who is subscribed to a channel. As an Event, it comes in the
// place of the Join by which a channel becomes too crowded for each to be told,
// and then names nobody; and in the place of the Leave by which it is so no more.
// Either replaces what was known. Else it is as with Join.
type Presence struct {
	Channel string
	Clients []string // perhaps not all: then there are fewer than Count
	Count   int      // of all
}

func (*Message) event() {}
func (Join) event()     {}
func (Leave) event()    {}
func (Presence) event() {}

func presenceOf(f *protocol.ServerFrame) Presence {
	return Presence{Channel: f.Channel, Clients: f.Clients, Count: f.Count}
}

// A Receipt tells what became of a message.
type Receipt struct {
	ID     string
	Cursor protocol.Cursor // its place
}

// An Outgoing is a message to be sent. Only Type and Payload are usual.
type Outgoing struct {
	Type    string // at most 256 bytes
	Payload any    // anything that encoding/json takes; a json.RawMessage goes as it is
	// ID is of one's own choice (protocol.CheckMessageID). What is sent with
	// the same ID within two minutes is one message. "": one is made up.
	ID      string
	ReplyTo string // the id of the message that this one answers
}

func messageOf(f *protocol.ServerFrame) *Message {
	m := &Message{
		Channel: f.Channel, Cursor: f.Cursor, ID: f.ID, Type: f.Type,
		From: f.From, Payload: f.Payload, ReplyTo: f.ReplyTo,
	}
	if len(m.Payload) == 0 {
		m.Payload = json.RawMessage("null")
	}
	if f.Time != 0 {
		m.Time = time.UnixMilli(f.Time)
	}
	return m
}
