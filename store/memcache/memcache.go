// Package memcache keeps channels in memcached as the PHP library does, so
// that its processes and the gateway's clients share them. A channel is one
// item: a JSON object whose "messages" is an ordered map from message id to
// text. It lives for 30 seconds after the last write, and whoever writes
// holds the channel's lock.
//
// docs/decisions/0003-php-layout-cursors.md tells what cursors are made of
// and when a gap is told.
package memcache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/store"
)

// A Store keeps channels in one memcached. Other gateways and PHP may write
// to it at the same time.
//
// For a channel that is watched, the store remembers the messages it saw. A
// Read that follows a hint is answered from there, and so may end before a
// message that another process has appended within the last milliseconds; for
// that, a further hint comes.
type Store struct {
	cfg    Config
	server *server
	packer packer
	queues queues
	recent recent
	waker  *waker
	kick   chan struct{} // tells the poller of a new follower
	stop   chan struct{} // closed by Close
	done   sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	calls     sync.WaitGroup // calls that go on; added to under mu, before closed
	followers map[string]*follower
	warned    map[string]bool // channels whose item is foreign
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
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg:       cfg,
		server:    newServer(cfg),
		queues:    queues{of: make(map[string]*queue)},
		recent:    recent{places: make(map[messageKey]protocol.Cursor)},
		waker:     newWaker(),
		kick:      make(chan struct{}, 1),
		stop:      make(chan struct{}),
		followers: make(map[string]*follower),
		warned:    make(map[string]bool),
	}
	s.done.Go(s.poll)
	s.done.Go(s.learn)
	s.done.Go(s.keepAlive)
	return s, nil
}

// Append writes m at the end of channel's document, together with others that
// wait for the same. Its errors are store.ErrUnavailable, also where another
// writer keeps the lock for longer than 6 seconds; store.ErrTooLarge, where the
// document would pass what memcached keeps; store.ErrForeign; store.ErrClosed;
// and ctx's, which tells that m was not written.
func (s *Store) Append(ctx context.Context, channel string, m store.Message) (protocol.Cursor, error) {
	if err := s.begin(ctx, channel); err != nil {
		return "", err
	}
	defer s.calls.Done()
	if err := protocol.CheckMessageID(m.ID); err != nil {
		return "", err
	}
	if !utf8.Valid(m.Text) {
		return "", errors.New("memcache: a message's text is not valid UTF-8") // it would wipe the channel for PHP
	}
	added := entry{m.ID, protocol.AppendString(make([]byte, 0, len(m.Text)+len(m.Text)/8+16), string(m.Text))}
	var place protocol.Cursor
	err := s.change(ctx, channel, len(added.id)+len(added.raw), func(d *document) {
		if i, ok := d.index[m.ID]; ok {
			place = d.entries[i].cursor()
			return
		}
		var ok bool
		if place, ok = s.appended(channel, m.ID); ok {
			return
		}
		place = added.cursor()
		d.set(added.id, added.raw)
	})
	if err != nil {
		return "", err
	}
	s.recent.add(messageKey{channel, m.ID}, place, s.cfg.Clock())
	if f := s.follower(channel); f != nil {
		f.hasAppended()
	}
	return place, nil
}

// appended finds the place of a message that the document has lost already.
func (s *Store) appended(channel, id string) (protocol.Cursor, bool) {
	if c, ok := s.recent.find(messageKey{channel, id}, s.cfg.Clock()); ok {
		return c, true
	}
	if f := s.follower(channel); f != nil {
		return f.cursorOf(id)
	}
	return "", false
}

// Read returns a page; see store.Store.
func (s *Store) Read(ctx context.Context, channel string, after protocol.Cursor, limit int) (store.Page, error) {
	if err := s.begin(ctx, channel); err != nil {
		return store.Page{}, err
	}
	defer s.calls.Done()
	at := parsePlace(after)
	f := s.follower(channel)
	if f != nil {
		p, found, err := s.readFollowed(f, at, limit)
		if found || err != nil {
			return p, err
		}
	}
	d, l, err := s.fetch(channel)
	if err != nil {
		return store.Page{}, err
	}
	p, found := d.page(at, limit, l)
	if !found && f != nil {
		if remembered, ok := f.all(limit); ok {
			p = remembered
		}
	}
	return p, nil
}

// Tail returns the place at the end.
func (s *Store) Tail(ctx context.Context, channel string) (protocol.Cursor, error) {
	if err := s.begin(ctx, channel); err != nil {
		return "", err
	}
	defer s.calls.Done()
	if f := s.follower(channel); f != nil {
		if err := s.refresh(f); err != nil {
			return "", err
		}
		return f.tail(), nil
	}
	d, l, err := s.fetch(channel)
	if err != nil {
		return "", err
	}
	return d.tail(l), nil
}

// Ping asks memcached for its version.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.begin(ctx, ""); err != nil {
		return err
	}
	defer s.calls.Done()
	return s.server.ping()
}

// Close ends the store. What waits to be written is written still, unless
// another writer holds the channel's lock. Each call to memcached that this
// takes is bounded by Config.Timeout.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.closed = true
	s.endWatching()
	s.mu.Unlock()
	close(s.stop)
	s.calls.Wait()
	s.done.Wait()
	s.server.close()
	return nil
}

// begin is every call's first step; the call's last is s.calls.Done. A name
// that is not empty is checked: PHP folds bytes up to 0x20 into "_" and cuts
// keys at 250 bytes, so that with other names two channels would be one.
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

// fetch reads a channel's document. One that is foreign is empty to readers.
func (s *Store) fetch(channel string) (*document, look, error) {
	l, err := s.server.look(s.key(channel))
	if err != nil {
		return nil, l, err
	}
	d, err := unpack(l.items[s.key(channel)])
	if err != nil {
		s.warn(channel, err)
		d = newDocument()
	}
	return d, l, nil
}

// maxWarned bounds the channels for which a warning is remembered.
const maxWarned = 1000

// warn logs once for each channel that its item can't be read.
func (s *Store) warn(channel string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warned[channel] || len(s.warned) == maxWarned {
		return
	}
	s.warned[channel] = true
	s.cfg.Logger.Warn().Err(err).Str("channel", channel).Msg("channel can't be read and is taken as empty; messages for it are refused")
}

func (s *Store) key(channel string) string     { return s.cfg.Prefix + documentName + channel }
func (s *Store) lockKey(channel string) string { return s.cfg.Prefix + lockName + channel }

const (
	documentName = "channel_"
	lockName     = "channel_lock_"
	maxKey       = 250 // memcached's bound, in bytes
	// maxPrefix leaves room for the lock of the longest channel name.
	maxPrefix = maxKey - len(lockName) - protocol.MaxChannel
)

// checkPrefix tells why p can't begin keys.
func checkPrefix(p string) error {
	if len(p) > maxPrefix {
		return fmt.Errorf("memcache: prefix has %d bytes, the most is %d", len(p), maxPrefix)
	}
	for i := range len(p) {
		if p[i] <= 0x20 || p[i] == 0x7f {
			return fmt.Errorf("memcache: prefix holds the byte 0x%02x, which no key may", p[i])
		}
	}
	return nil
}
