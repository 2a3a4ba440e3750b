package memcache

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// A Config says where memcached is. A zero field but Addr means its default.
type Config struct {
	Addr    string        // host:port
	Prefix  string        // before every key, as memcache.prefix_static_key of PHP; at most 57 bytes; none
	Timeout time.Duration // of each call to memcached; 1 second

	// The poller asks for all watched channels at this interval: PollMin while
	// messages come, PollMax after silence; longer where the asking itself
	// takes a third of it. 3 and 40 milliseconds.
	PollMin, PollMax time.Duration
	// Remember is for how many messages of a watched channel the store
	// remembers them when memcached has lost them; 1000, and 1 MiB.
	Remember int

	Logger zerolog.Logger
	Clock  func() time.Time // time.Now
}

// check fills in the defaults.
func (c Config) check() (Config, error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil || host == "" {
		return c, fmt.Errorf("memcache: address %q is not host:port", c.Addr)
	}
	if err := checkPrefix(c.Prefix); err != nil {
		return c, err
	}
	c.Timeout = cmp.Or(c.Timeout, time.Second)
	c.PollMin, c.PollMax = cmp.Or(c.PollMin, 3*time.Millisecond), cmp.Or(c.PollMax, 40*time.Millisecond)
	c.Remember = cmp.Or(c.Remember, 1000)
	if c.Timeout < 0 || c.PollMin < 0 || c.PollMax < c.PollMin || c.Remember < 0 {
		return c, fmt.Errorf("memcache: timeout %v, polling every %v to %v or %d messages remembered can't be",
			c.Timeout, c.PollMin, c.PollMax, c.Remember)
	}
	// Half of a document's life: who sees nothing for longer has lost track.
	if c.Timeout > leastLife/2 || c.PollMax > leastLife/2 {
		return c, fmt.Errorf("memcache: timeout %v or polling every %v is above %v, half of a channel's life",
			c.Timeout, c.PollMax, leastLife/2)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c, nil
}

// defaultPort is memcached's.
const defaultPort = "11211"

// ParseURL makes a Config of a URL:
//
//	memcache://host[:11211][?prefix=...&timeout=1s&poll_min=3ms&poll_max=40ms&layout=php]
//
// Unknown parameters are refused, and so is more than one server: PHP spreads
// channels over several by consistent hashing, which depends on its settings,
// and a gateway that guessed wrong would see other channels than PHP does.
func ParseURL(raw string) (Config, error) {
	if rest, ok := strings.CutPrefix(raw, "memcache://"); ok {
		if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, ",") {
			return Config{}, errors.New("memcache: the PHP layout takes one server: how PHP spreads channels over several depends on its settings")
		}
	}
	u, err := url.Parse(raw)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the rest repeats the URL, which may hold a secret
	}
	if err != nil {
		return Config{}, fmt.Errorf("memcache: the URL can't be read: %w", err)
	}
	switch {
	case u.Scheme != "memcache":
		return Config{}, fmt.Errorf("memcache: the URL begins with %q, want memcache://", u.Scheme)
	case u.Hostname() == "":
		return Config{}, errors.New("memcache: the URL names no host")
	case u.User != nil:
		return Config{}, errors.New("memcache: the URL has a user; the memcached of the PHP library takes no login")
	case u.Path != "" && u.Path != "/" || u.Fragment != "":
		return Config{}, fmt.Errorf("memcache: the URL has %q behind the host, which means nothing", u.Path+u.Fragment)
	}
	port := cmp.Or(u.Port(), defaultPort)
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return Config{}, fmt.Errorf("memcache: the port can't be %q", port)
	}
	cfg := Config{Addr: net.JoinHostPort(u.Hostname(), port)}
	if err := cfg.setParameters(u.RawQuery); err != nil {
		return Config{}, err
	}
	if _, err := cfg.check(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func (c *Config) setParameters(rawQuery string) error {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return fmt.Errorf("memcache: %w", err)
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range query {
			if !yield(name) {
				return
			}
		}
	}) {
		if len(query[name]) > 1 {
			return fmt.Errorf("memcache: parameter %q is there %d times", name, len(query[name]))
		}
		if err := c.setParameter(name, query.Get(name)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) setParameter(name, value string) error {
	var err error
	switch name {
	case "prefix":
		c.Prefix = value
	case "timeout":
		c.Timeout, err = positive(value)
	case "poll_min":
		c.PollMin, err = positive(value)
	case "poll_max":
		c.PollMax, err = positive(value)
	case "layout":
		if value != "php" {
			err = errors.New("want php or log")
		}
	default:
		return fmt.Errorf("memcache: unknown parameter %q; known are prefix, timeout, poll_min, poll_max and layout", name)
	}
	if err != nil {
		return fmt.Errorf("memcache: parameter %s=%q: %w", name, value, err)
	}
	return nil
}

func positive(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err == nil && d <= 0 {
		err = errors.New("want more than nothing")
	}
	return d, err
}
