// Package store is the contract between the hub and what keeps the messages.
//
// A store is the truth: it gives every channel one order, and every message a
// place in it. What [Store.Watch] says is only a hint that there may be more
// to read; a hint that is lost for a while, doubled or without cause does no
// harm.
//
// Package storetest holds the contract as tests, which every store passes.
package store

import (
	"context"
	"errors"

	"github.com/commchannel/gateway/protocol"
)

// The errors of stores. Others may be wrapped in them; compare with errors.Is.
var (
	// ErrUnavailable: the server behind the store can't be reached, or did
	// not answer in time. Nothing is known of a message being appended; to
	// append it again with the same id is safe.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrTooLarge: the message, or the channel with it, would pass a bound.
	ErrTooLarge = errors.New("store: too large")
	// ErrFull: the store keeps as many channels as it may.
	ErrFull = errors.New("store: too many channels")
	// ErrForeign: the server holds something under the channel's name that is
	// no channel. It is left as it is, so the message was not appended.
	ErrForeign = errors.New("store: not a channel")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
)

// A Message is one message of a channel.
type Message struct {
	// ID is unique in its channel. One sent through the gateway satisfies
	// protocol.CheckMessageID; one that PHP wrote may be any text.
	ID string
	// Text is the message as the seed's clients write and read it, usually
	// an envelope (protocol.Envelope). It is valid UTF-8, is kept byte for
	// byte, and must not be changed by anyone.
	Text []byte
	// Time is unix milliseconds, 0 where not known. Append ignores it.
	Time int64
	// Cursor is the message's place. Append ignores it.
	Cursor protocol.Cursor
}

// A Page is what follows a place.
type Page struct {
	// Messages, oldest first.
	Messages []Message
	// Cursor is the place after the page's last message, from which to read
	// on. It is never empty.
	Cursor protocol.Cursor
	// Gap says that between the place asked for and the page's first message
	// some messages may be missing: they are no longer kept, or the place is
	// not known any more. The page then begins at the oldest message kept.
	Gap bool
}

// A Store keeps the messages of channels. Its methods may be called from any
// goroutine. Names come in checked (protocol.CheckChannel).
type Store interface {
	// Append gives m a place at the end of channel, and returns it once m
	// can be read by everybody. It is atomic: either m is there or it is
	// not. An ID that was appended within the last two minutes is not
	// appended again; its place is returned.
	Append(ctx context.Context, channel string, m Message) (protocol.Cursor, error)

	// Read returns at most limit messages (limit >= 1) after a place, oldest
	// first. The empty cursor is the place before the oldest message kept,
	// and is no gap. Fewer than limit messages mean that the end was reached.
	Read(ctx context.Context, channel string, after protocol.Cursor, limit int) (Page, error)

	// Tail returns the place at channel's end, now. A channel nobody wrote to
	// has one, too.
	Tail(ctx context.Context, channel string) (protocol.Cursor, error)

	// Watch returns a channel that receives whenever there may be something
	// new to read in channel, until ctx ends. It holds at most one hint; its
	// first hint may come at once. It is never closed.
	Watch(ctx context.Context, channel string) <-chan struct{}

	// Close ends the store's goroutines and connections and waits for them.
	// Later calls return ErrClosed.
	Close() error
}

// A Pinger can tell whether the store's server is there.
type Pinger interface {
	Ping(ctx context.Context) error
}

// A Reporter tells operators in a few words how a store is doing.
type Reporter interface {
	State() string
}

// ClientCursors keeps the places of the seed's polling clients, who send no
// cursor themselves. Every store of a gateway that serves them has it.
type ClientCursors interface {
	// ClientCursor returns the place that was set for client, or "" if there
	// is none.
	ClientCursor(ctx context.Context, channel, client string) (protocol.Cursor, error)
	// SetClientCursor keeps a place that Read or Tail gave.
	SetClientCursor(ctx context.Context, channel, client string, c protocol.Cursor) error
}
