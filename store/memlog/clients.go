package memlog

import (
	"context"
	"fmt"

	"github.com/commchannel/gateway/protocol"
)

// clientTTL is for how long the place of a polling client outlives its last
// poll, in seconds.
const clientTTL = 3600

// ClientCursor returns the place of a polling client, and renews its life.
func (s *Store) ClientCursor(ctx context.Context, channel, client string) (protocol.Cursor, error) {
	if err := s.begin(ctx, channel); err != nil {
		return "", err
	}
	defer s.calls.Done()
	name := nameOf(channel)
	key := clientKey(name, client)
	get := getOp(key)
	if err := s.server(name).run(ctx, get, touchOp(key, clientTTL)); err != nil {
		return "", err
	}
	c := protocol.Cursor(get.items[0].value)
	if !get.items[0].found || protocol.CheckCursor(c) != nil {
		return "", nil
	}
	return c, nil
}

// SetClientCursor keeps the place of a polling client for an hour after its
// last poll.
func (s *Store) SetClientCursor(ctx context.Context, channel, client string, c protocol.Cursor) error {
	if err := s.begin(ctx, channel); err != nil {
		return err
	}
	defer s.calls.Done()
	if err := protocol.CheckCursor(c); err != nil {
		return err
	}
	name := nameOf(channel)
	v := s.server(name)
	set := &op{cmd: cmdSet, key: clientKey(name, client), ttl: clientTTL, value: []byte(c)}
	if err := v.run(ctx, set); err != nil {
		return err
	}
	if set.got != done {
		return v.unavailable(fmt.Errorf("%w: %s", errRefused, set.words))
	}
	return nil
}
