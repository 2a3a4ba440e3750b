package memlog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// A Config says where memcached is, and for how long messages are kept. A zero
// field but Servers means its default.
type Config struct {
	// Servers are host:port, 1 to 100. Which one keeps a channel hangs on the
	// words: all gateways, and PHP, must write the hosts in the same way.
	Servers []string
	// History is for how long a message is kept: whole seconds, 1 second to 24
	// hours; 2 minutes. Gateways with another history share channels well.
	History time.Duration
	// Grace is how long a reader waits for a message that was given a number
	// but is not there, before it closes that number; at most 5 seconds; 50
	// milliseconds.
	Grace   time.Duration
	Timeout time.Duration // of each exchange with memcached; at most 10 seconds; 1 second

	// Where memcached does not tell of what is written, all watched channels
	// are asked for at this interval: PollMin while messages come, PollMax
	// after silence; longer where the asking itself takes a third of it. 2 and
	// 10 milliseconds.
	PollMin, PollMax time.Duration
	// NoEvents: poll, and never ask memcached to tell of what is written.
	NoEvents bool

	Logger zerolog.Logger
	Clock  func() time.Time // time.Now. Only the first number of a channel hangs on it.
}

const (
	defaultPort = "11211" // memcached's
	maxServers  = 100
	maxHistory  = 24 * time.Hour
	maxGrace    = 5 * time.Second
	maxTimeout  = 10 * time.Second
)

// check fills in the defaults.
func (c Config) check() (Config, error) {
	if len(c.Servers) == 0 || len(c.Servers) > maxServers {
		return c, fmt.Errorf("memlog: %d servers, 1 to %d can be", len(c.Servers), maxServers)
	}
	seen := make(map[string]bool)
	for _, addr := range c.Servers {
		if err := checkAddr(addr); err != nil {
			return c, err
		}
		if seen[addr] {
			return c, fmt.Errorf("memlog: server %q is there twice", addr)
		}
		seen[addr] = true
	}
	c.History = cmp.Or(c.History, 2*time.Minute)
	c.Grace, c.Timeout = cmp.Or(c.Grace, 50*time.Millisecond), cmp.Or(c.Timeout, time.Second)
	c.PollMin, c.PollMax = cmp.Or(c.PollMin, 2*time.Millisecond), cmp.Or(c.PollMax, 10*time.Millisecond)
	switch {
	case c.History < time.Second || c.History > maxHistory || c.History%time.Second != 0:
		return c, fmt.Errorf("memlog: history of %v, whole seconds up to %v can be", c.History, maxHistory)
	case c.Grace < 0 || c.Grace > maxGrace:
		return c, fmt.Errorf("memlog: grace time of %v, up to %v can be", c.Grace, maxGrace)
	case c.Timeout < 0 || c.Timeout > maxTimeout:
		return c, fmt.Errorf("memlog: timeout of %v, up to %v can be", c.Timeout, maxTimeout)
	case c.PollMin < 0 || c.PollMax < c.PollMin || c.PollMax > time.Minute:
		return c, fmt.Errorf("memlog: polling every %v to %v can't be", c.PollMin, c.PollMax)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c, nil
}

func checkAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return fmt.Errorf("memlog: server %q is not host:port", addr)
	}
	// The canonical form alone: the port is a part of what is hashed.
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("memlog: server %q: the port can't be %q", addr, port)
	}
	return nil
}

// ParseURL makes a Config of a URL:
//
//	memcache://host[:11211][,host[:11211]...]?layout=log[&history=2m&grace=50ms&timeout=1s&poll_min=2ms&poll_max=10ms&events=no]
//
// Unknown parameters are refused. An IPv6 address stands in brackets.
func ParseURL(raw string) (Config, error) {
	rest, ok := strings.CutPrefix(raw, "memcache://")
	if !ok {
		return Config{}, errors.New("memlog: the URL does not begin with memcache://")
	}
	hosts, query, _ := strings.Cut(rest, "?")
	hosts = strings.TrimSuffix(hosts, "/")
	if strings.ContainsAny(hosts, "/#@ ") || strings.Contains(query, "#") {
		return Config{}, errors.New("memlog: the URL has more than servers and parameters; it takes neither user nor path")
	}
	var cfg Config
	for host := range strings.SplitSeq(hosts, ",") {
		cfg.Servers = append(cfg.Servers, withPort(host))
	}
	if err := cfg.setParameters(query); err != nil {
		return Config{}, err
	}
	if _, err := cfg.check(); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

func withPort(host string) string {
	if strings.HasSuffix(host, "]") || !strings.Contains(host, ":") {
		return host + ":" + defaultPort
	}
	return host
}

func (c *Config) setParameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("memlog: what follows the question mark can't be read")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return fmt.Errorf("memlog: parameter %q is there %d times", name, len(values[name]))
		}
		if err := c.setParameter(name, values.Get(name)); err != nil {
			return fmt.Errorf("memlog: parameter %s=%q: %w", name, values.Get(name), err)
		}
	}
	return nil
}

func (c *Config) setParameter(name, value string) (err error) {
	switch name {
	case "layout":
		if value != "log" {
			err = errors.New("want log")
		}
	case "history":
		c.History, err = positive(value)
	case "grace":
		c.Grace, err = positive(value)
	case "timeout":
		c.Timeout, err = positive(value)
	case "poll_min":
		c.PollMin, err = positive(value)
	case "poll_max":
		c.PollMax, err = positive(value)
	case "events":
		if c.NoEvents = value == "no"; value != "no" && value != "yes" {
			err = errors.New("want yes or no")
		}
	default:
		err = errors.New("unknown; known are layout, history, grace, timeout, poll_min, poll_max and events")
	}
	return err
}

func positive(value string) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err == nil && d <= 0 {
		err = errors.New("want more than nothing")
	}
	return d, err
}
