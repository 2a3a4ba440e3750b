// Package memlog keeps channels in one or several memcached as logs: a counter
// gives every message its number, and each number is a key of its own.
//
// To publish is to raise the counter and to add the message under the number
// it gave. To read is to get the counter, and the numbers that were not seen
// yet, in order. A number without a message holds everybody up, so that a
// reader who has waited for the grace time closes it by a tombstone, and tells
// of a gap; the publisher, whose add is then refused, takes a new number. A
// number is written once, as one or the other, and no reader passes one that
// is neither: so all readers see one order, and nothing that was acknowledged
// is missing from it.
//
// That holds while memcached keeps what it was given. What it evicts or
// forgets is missing, and told as a gap.
//
// docs/decisions/0004-log-layout.md has the layout byte for byte, for others to
// read and write it.
package memlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// maxText bounds a message's text, in bytes: memcached keeps items of 1 MiB,
// with their key and its own overhead.
const maxText = 1<<20 - 1<<10

// A Store keeps channels in memcached. Other gateways may use the same ones at
// the same time.
type Store struct {
	// static
	cfg     Config
	ring    ring
	servers []*server
	stop    chan struct{} // closed by Close
	done    sync.WaitGroup
	// step is called between the steps of publishing and reading, in tests:
	// its error ends what goes on, as the end of the process would. Or nil.
	step func(string) error

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup // calls that go on; added to under mu, before closed
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.Pinger        = (*Store)(nil)
	_ store.Reporter      = (*Store)(nil)
	_ store.ClientCursors = (*Store)(nil)
)

// New makes a store. It does not wait for memcached to be there: until then,
// calls return store.ErrUnavailable. Its error tells of a setting that can't
// be.
func New(cfg Config) (*Store, error) { return open(cfg, nil) }

func open(cfg Config, step func(string) error) (*Store, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, stop: make(chan struct{}), step: step}
	if s.ring, err = newRing(cfg.Servers); err != nil {
		return nil, fmt.Errorf("memlog: %w", err)
	}
	for _, addr := range cfg.Servers {
		s.servers = append(s.servers, newServer(s, addr))
	}
	for _, v := range s.servers {
		s.done.Go(v.sweepAll)
		if cfg.NoEvents {
			v.mode.Store(int32(ModePolling))
			continue
		}
		s.done.Go(v.listen)
	}
	return s, nil
}

// Append publishes m. Its errors are store.ErrUnavailable, store.ErrTooLarge,
// store.ErrClosed and the context's. After ErrUnavailable and the context's,
// the message may be there nevertheless; to append it again, also through
// another gateway, leads to one message.
func (s *Store) Append(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	if err := s.begin(ctx, channel); err != nil {
		return "", err
	}
	defer s.calls.Done()
	if err := protocol.CheckMessageID(m.ID); err != nil {
		return "", err
	}
	if !utf8.Valid(m.Text) {
		return "", errors.New("memlog: a message's text is not valid UTF-8")
	}
	if len(m.Text) > maxText {
		return "", fmt.Errorf("memlog: message of %d bytes, the most is %d: %w", len(m.Text), maxText, store.ErrTooLarge)
	}
	name := nameOf(channel)
	r := newRequest(name, m)
	s.server(name).enqueue(r)
	select {
	case <-r.done:
		return r.cursor, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Tail returns the place at the end: of the newest number given out.
func (s *Store) Tail(ctx context.Context, channel string) (protocol.Cursor, error) {
	if err := s.begin(ctx, channel); err != nil {
		return "", err
	}
	defer s.calls.Done()
	name := nameOf(channel)
	h, _, err := s.server(name).look(ctx, name, nil)
	if err != nil {
		return "", err
	}
	return h.cursor(), nil
}

// Ping asks all servers for their version, and is content with one that
// answers: the channels of the others are unavailable, and no more.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.begin(ctx, ""); err != nil {
		return err
	}
	defer s.calls.Done()
	var asking sync.WaitGroup
	errs := make([]error, len(s.servers))
	for i, v := range s.servers {
		asking.Go(func() { errs[i] = v.run(ctx, &op{cmd: cmdVersion}) })
	}
	asking.Wait()
	if slices.Contains(errs, nil) {
		return nil
	}
	return errs[0]
}

// Close ends the store. Calls under way end within some times Config.Timeout.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	s.calls.Wait()
	for _, v := range s.servers {
		v.endWatching()
	}
	s.done.Wait()
	for _, v := range s.servers {
		v.close()
	}
	return nil
}

// begin is every call's first step; the call's last is s.calls.Done. A name
// that is not empty is checked.
func (s *Store) begin(ctx context.Context, channel string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if channel != "" {
		if err := protocol.CheckChannel(channel); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.calls.Add(1)
	return nil
}

// server is the one that keeps a channel.
func (s *Store) server(name string) *server { return s.servers[s.ring.server(name)] }

// at marks a step, for tests to stall or to end what goes on.
func (s *Store) at(step string) error {
	if s.step == nil {
		return nil
	}
	return s.step(step)
}
