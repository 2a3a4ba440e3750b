package memcache

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/commchannel/gateway/store"
)

const (
	// ttl is the life of a channel's document in seconds: PHP's 30.
	ttl = 30
	// leastLife is how long an item lives at least after it was written or
	// touched. memcached counts whole seconds, which takes up to one off.
	leastLife = (ttl - 2) * time.Second
	// lifeTTL bounds for how long the life's mark outlasts all gateways, in
	// seconds.
	lifeTTL = 120
	// maxIdle is how many connections to memcached are kept open.
	maxIdle = 64
)

// addr is the one server. It is resolved at each dial, so that a name may
// move to another address.
type addr string

func (a addr) Network() string                      { return "tcp" }
func (a addr) String() string                       { return string(a) }
func (a addr) PickServer(string) (net.Addr, error)  { return a, nil }
func (a addr) Each(each func(net.Addr) error) error { return each(a) }

// A server is memcached, with the errors of stores. gomemcache takes no
// context: its timeout bounds each call.
type server struct {
	client  *memcache.Client
	lifeKey string
	clock   func() time.Time
}

func newServer(cfg Config) *server {
	c := memcache.NewFromSelector(addr(cfg.Addr))
	c.Timeout, c.MaxIdleConns = cfg.Timeout, maxIdle
	return &server{c, cfg.Prefix + "commchannel_life", cfg.Clock}
}

// A look is what memcached held at one moment.
type look struct {
	begun time.Time // before it was asked
	items map[string]*memcache.Item
	// life changes whenever memcached may have lost what it held: by a
	// restart, a flush, or for want of memory. It is a random mark kept
	// there by all gateways.
	life    string
	lifeCAS uint64 // of the mark
}

// look gets keys and the life's mark at once.
func (s *server) look(keys ...string) (look, error) {
	asked := append(keys[:len(keys):len(keys)], s.lifeKey)
	for range 3 {
		l := look{begun: s.clock()}
		err := s.again(func() (err error) {
			l.items, err = s.client.GetMulti(asked)
			return err
		})
		if err != nil {
			return look{}, err
		}
		if mark, ok := l.items[s.lifeKey]; ok {
			l.life, l.lifeCAS = lifeOf(mark.Value), mark.CasID
			return l, nil
		}
		// What was got is from between two lives: begin one, then ask again.
		mark := &memcache.Item{Key: s.lifeKey, Value: []byte(rand.Text()), Expiration: lifeTTL}
		if err := s.again(func() error { return s.client.Add(mark) }); err != nil && !errors.Is(err, memcache.ErrNotStored) {
			return look{}, err
		}
	}
	return look{}, fmt.Errorf("%w: memcached does not keep what is stored", store.ErrUnavailable)
}

// lifeOf makes any mark a part of cursors.
func lifeOf(value []byte) string { return markText(sha256.Sum256(value)) }

// get returns nil on a miss.
func (s *server) get(key string) (*memcache.Item, error) {
	var item *memcache.Item
	err := s.again(func() (err error) {
		item, err = s.client.Get(key)
		return err
	})
	if errors.Is(err, memcache.ErrCacheMiss) {
		return nil, nil
	}
	return item, err
}

// add stores an item that is not there. ok is false where it is.
func (s *server) add(item *memcache.Item) (ok bool, err error) {
	// Should the first try have been stored and only its answer lost, the
	// second is refused, and the caller takes the item for another's.
	err = s.again(func() error { return s.client.Add(item) })
	if errors.Is(err, memcache.ErrNotStored) {
		return false, nil
	}
	return err == nil, err
}

// swap stores an item in place of the one that its CAS names. ok is false
// where that is no longer there.
func (s *server) swap(item *memcache.Item) (ok bool, err error) {
	err = s.client.CompareAndSwap(item)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, memcache.ErrCASConflict), errors.Is(err, memcache.ErrCacheMiss), errors.Is(err, memcache.ErrNotStored):
		return false, nil
	}
	return false, asStoreError(err)
}

// touch renews an item's life. found is false on a miss.
func (s *server) touch(key string, seconds int32) (found bool, err error) {
	err = s.again(func() error { return s.client.Touch(key, seconds) })
	if errors.Is(err, memcache.ErrCacheMiss) {
		return false, nil
	}
	return err == nil, err
}

func (s *server) remove(key string) error {
	if err := s.client.Delete(key); err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
		return asStoreError(err)
	}
	return nil
}

func (s *server) ping() error { return s.again(s.client.Ping) }

func (s *server) close() { _ = s.client.Close() }

// again calls op, and once more where it failed because the connection was
// dead: after a restart of memcached all idle connections are.
func (s *server) again(op func() error) error {
	err := op()
	if isDead(err) {
		_ = s.client.Close()
		err = op()
	}
	return asStoreError(err)
}

func isDead(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// asStoreError keeps memcached's answers and makes all else ErrUnavailable.
func asStoreError(err error) error {
	switch {
	case err == nil, errors.Is(err, memcache.ErrCacheMiss), errors.Is(err, memcache.ErrNotStored):
		return err
	case strings.Contains(err.Error(), "object too large"):
		return fmt.Errorf("%w: %w", store.ErrTooLarge, err)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
