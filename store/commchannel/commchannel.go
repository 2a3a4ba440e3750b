// Package commchannel is the seed's interface in Go: channels straight on a
// store, without a gateway, for Go processes beside PHP processes on one
// memcached. On store/memcache they share the channels of the seed's
// MemcacheCommStore, on store/memlog those of LogCommStore, and both with the
// clients of a gateway that uses the same store.
//
//	backend, err := memcache.New(memcache.Config{Addr: "127.0.0.1:11211"})
//	...
//	channel := commchannel.New(backend, channelID, clientID)
//	_, err = channel.Send(ctx, "Some Message")
//	...
//	messages, err := channel.Messages(ctx)
//
// [Channel] is CommChannel, for texts; [JSChannel] is JSCommChannel, for typed
// messages that browsers read, too. Programs that can reach a gateway are
// better served by package protocol/client: they are told what is new, and need
// not reach memcached.
package commchannel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// ErrMissed tells that messages may be missing between the last ones and the
// next: the store does not have them any more. It is told once, before the
// messages that follow.
var ErrMissed = errors.New("commchannel: messages may be missing")

// pageSize is how many messages are read at once.
const pageSize = 1000

// A Channel is one client's end of a channel, as the seed's CommChannel is.
// What one client sends, all get, the sender included. Its methods may be
// called from any goroutine.
type Channel struct {
	store   store.Store
	channel string
	client  string

	mu    sync.Mutex      // of those who read
	place protocol.Cursor // behind what was returned; "": not known yet
	held  *batch          // was read behind a gap, which was told; nil: nothing
}

// A batch is what is new.
type batch struct {
	messages []store.Message
	place    protocol.Cursor // behind them
	gap      bool            // some may be missing before them
}

// New opens a channel for a client. It does not ask the store: a name that
// can't be is told by what is done with it. The store remains the caller's to
// close, once for all of its channels.
//
// How far the client has read is kept by the store, where PHP keeps it, too: a
// process that is started anew goes on where the last one with this client id
// was. No two that read at the same time may share one.
func New(s store.Store, channel, client string) *Channel {
	return &Channel{store: s, channel: channel, client: client}
}

// Send sends a text, which is to be UTF-8, and returns the message's id once
// everybody can read it. Its errors are the store's. After
// store.ErrUnavailable it is not known whether the message was taken.
func (c *Channel) Send(ctx context.Context, text string) (id string, err error) {
	if err := c.check(); err != nil {
		return "", err
	}
	id = protocol.NewMessageID(time.Now())
	if _, err := c.store.Append(ctx, c.channel, store.Message{ID: id, Text: []byte(text)}); err != nil {
		return "", fmt.Errorf("commchannel: send: %w", err)
	}
	return id, nil
}

// Messages returns the texts sent since the last call, oldest first. The first
// call of a client id joins the channel and returns none: what was there before
// is not new. With an error nothing is lost: what it would have returned comes
// with the next call.
func (c *Channel) Messages(ctx context.Context) ([]string, error) {
	read, err := c.read(ctx)
	texts := make([]string, len(read))
	for i := range read {
		texts[i] = string(read[i].Text)
	}
	return texts, err
}

// Wait is as Messages, but if there is nothing new, it waits until there is, or
// ctx ends.
func (c *Channel) Wait(ctx context.Context) ([]string, error) {
	return wait(ctx, c, c.Messages)
}

// wait calls read until it has returned something.
func wait[T any](ctx context.Context, c *Channel, read func(context.Context) ([]T, error)) ([]T, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	hints := c.store.Watch(watching, c.channel)
	for {
		messages, err := read(ctx)
		if len(messages) > 0 || err != nil {
			return messages, err
		}
		select {
		case <-hints:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *Channel) check() error {
	if err := protocol.CheckChannel(c.channel); err != nil {
		return err
	}
	return protocol.CheckClientID(c.client)
}

// read returns what is new, and moves the client's place behind it.
func (c *Channel) read(ctx context.Context) ([]store.Message, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if joined, err := c.join(ctx); joined || err != nil {
		return nil, err
	}
	b := c.held
	if b == nil {
		var err error
		if b, err = c.readFrom(ctx, c.place); err != nil {
			return nil, err
		}
		if b.gap {
			c.held = b
			return nil, ErrMissed
		}
	}
	if b.place != c.place {
		if err := c.keep(ctx, b.place); err != nil {
			return nil, err
		}
	}
	c.place, c.held = b.place, nil
	return b.messages, nil
}

// readFrom reads all that follows a place.
func (c *Channel) readFrom(ctx context.Context, place protocol.Cursor) (*batch, error) {
	b := &batch{place: place}
	for {
		page, err := c.store.Read(ctx, c.channel, b.place, pageSize)
		if err != nil {
			return nil, fmt.Errorf("commchannel: read: %w", err)
		}
		b.messages, b.place = append(b.messages, page.Messages...), page.Cursor
		b.gap = b.gap || page.Gap
		if len(page.Messages) < pageSize {
			return b, nil
		}
	}
}

// join finds out where the client is. It reports true if it was nowhere: then
// it is at the end now.
func (c *Channel) join(ctx context.Context) (joined bool, err error) {
	if c.place != "" {
		return false, nil
	}
	place, err := c.kept(ctx)
	if err == nil && place == "" {
		joined = true
		if place, err = c.store.Tail(ctx, c.channel); err == nil {
			err = c.keep(ctx, place)
		}
	}
	if err != nil {
		return false, fmt.Errorf("commchannel: join: %w", err)
	}
	c.place = place
	return joined, nil
}

// kept is the place that the store has for the client, "" if there is none.
func (c *Channel) kept(ctx context.Context) (protocol.Cursor, error) {
	if places, ok := c.store.(store.ClientCursors); ok {
		return places.ClientCursor(ctx, c.channel, c.client)
	}
	return "", nil
}

// keep has the store keep the client's place, if it can.
func (c *Channel) keep(ctx context.Context, place protocol.Cursor) error {
	if places, ok := c.store.(store.ClientCursors); ok {
		return places.SetClientCursor(ctx, c.channel, c.client, place)
	}
	return nil
}
