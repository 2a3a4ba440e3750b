// Package gateway puts the gateway together: it is the one place that knows
// the concrete store, hub and entrances, and in which order they start and
// end. [Command] is the program; [New] serves a test or another program.
package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/commchannel/gateway/internal/gateway/settings"
	"github.com/commchannel/gateway/protocol"
	"github.com/commchannel/gateway/transport"
)

// A Config is what a Gateway is made of. A zero field stands for its default;
// docs/configuration.md tells what each is for.
type Config struct {
	Listen []string // host:port; none: 127.0.0.1:8080
	Store  string   // URL; "": memory://
	Paths  []string // of the entrance; none: /channel and /channel.php

	Formats  []FormatRule // the first that matches a channel counts; none: json
	Presence []string     // patterns of channels in which is told who is there; none: in none

	Origins        []string // see transport.GuardConfig
	Hosts          []string
	TrustedProxies []netip.Prefix

	Hold        time.Duration // 0: 25 s
	Ping        time.Duration // 0: 25 s
	MaxMessage  int           // bytes; 0: 64 KiB
	MaxChannels int           // of one connection or exchange; 0: 64
	Lag         int           // bytes; 0: 1 MiB
	Compression int           // bytes from which on a frame is compressed; 0: none is
	SweepPause  time.Duration // least time between two sweeps of a channel

	Grace time.Duration // for draining; 0: 10 s

	LogFormat string    // auto, console or json; "": auto
	LogLevel  string    // debug, info, warn or error; "": info
	LogOutput io.Writer // nil: the standard error output

	Version string // told in the log; "": unknown
}

func (c Config) withDefaults() Config {
	if len(c.Listen) == 0 {
		c.Listen = []string{"127.0.0.1:8080"}
	}
	if len(c.Paths) == 0 {
		c.Paths = []string{"/channel", "/channel.php"}
	}
	c.Store = cmp.Or(c.Store, "memory://")
	c.Hold = cmp.Or(c.Hold, 25*time.Second)
	c.Ping = cmp.Or(c.Ping, 25*time.Second)
	c.MaxMessage = cmp.Or(c.MaxMessage, protocol.DefaultMaxMessage)
	c.MaxChannels = cmp.Or(c.MaxChannels, protocol.MaxChannels)
	c.Lag = cmp.Or(c.Lag, 1<<20)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	c.LogFormat = cmp.Or(c.LogFormat, "auto")
	c.LogLevel = cmp.Or(c.LogLevel, "info")
	c.Version = cmp.Or(c.Version, "unknown")
	if c.LogOutput == nil {
		c.LogOutput = os.Stderr
	}
	return c
}

// settings defines every setting: its name, what it may be, and where it goes.
func (c *Config) settings(flags *pflag.FlagSet) *settings.Set {
	s := settings.New(flags, "COMMCHANNEL_")
	s.AddFile("config", "YAML `file` with settings by these names")
	s.Add("listen", "`address` to listen on, host:port (repeatable)", settings.Texts(&c.Listen, "address", checkListen))
	s.Add("store", "`URL` of the store: memory:// or memcache://host:port", settings.Text(&c.Store, checkStore))
	s.Add("path", "`path` that clients connect to (repeatable)", settings.Texts(&c.Paths, "path", checkPath))
	s.Add("format", "how some channels' messages are written, `pattern=format`: json, raw or native (repeatable)",
		settings.List(&c.Formats, "pattern=format", parseFormat, FormatRule.String))
	s.Add("presence", "`pattern` of channels whose clients may know of each other, like room* (repeatable)",
		settings.Texts(&c.Presence, "pattern", checkPattern))
	s.Add("origin", "`origin` whose pages may connect beside the gateway's own, like https://*.shop.example (repeatable)",
		settings.Texts(&c.Origins, "origin", transport.CheckOrigin))
	s.Add("host", "`name` by which clients may call the gateway, like push.shop.example (repeatable)",
		settings.Texts(&c.Hosts, "name", transport.CheckHost))
	s.Add("trusted-proxy", "`network` whose X-Forwarded-For is believed, like 10.0.0.0/8 (repeatable)",
		settings.List(&c.TrustedProxies, "network", parsePrefix, netip.Prefix.String))
	s.Add("hold", "how long an answer waits for a message", settings.Duration(&c.Hold, time.Second, 5*time.Minute))
	s.Add("ping", "how often a WebSocket is pinged", settings.Duration(&c.Ping, 5*time.Second, 10*time.Minute))
	s.Add("max-message", "largest message", settings.Bytes(&c.MaxMessage, 1<<10, 1<<20))
	s.Add("max-channels", "most channels of one connection", settings.Int(&c.MaxChannels, 1, 10_000))
	s.Add("lag", "how far a slow reader may be behind before it is cut off", settings.Bytes(&c.Lag, 64<<10, 64<<20))
	s.Add("compression", "compress messages from this size on, for WebSockets that ask for it; 0: none", settings.Bytes(&c.Compression, 0, 1<<20))
	s.Add("sweep-pause", "least time between two deliveries in a channel; more is less CPU", settings.Duration(&c.SweepPause, 0, time.Second))
	s.Add("grace", "how long clients are sent away for when the gateway stops", settings.Duration(&c.Grace, 100*time.Millisecond, 10*time.Minute))
	s.Add("log-format", "how the log is written: auto, console or json", settings.OneOf(&c.LogFormat, "auto", "console", "json"))
	s.Add("log-level", "from which level on the log is written: debug, info, warn or error", settings.OneOf(&c.LogLevel, "debug", "info", "warn", "error"))
	return s
}

// check tells all that is wrong in c, which has its defaults.
func (c *Config) check() error {
	mistakes := c.settings(pflag.NewFlagSet("", pflag.ContinueOnError)).Check()
	for i, path := range c.Paths {
		if slices.Contains(c.Paths[:i], path) {
			mistakes = append(mistakes, fmt.Errorf("path: %s is given twice", path))
		}
	}
	// A message is in its frame once, and in its channel's log with others.
	if c.Lag < 2*c.MaxMessage {
		mistakes = append(mistakes, fmt.Errorf("lag: must be at least twice max-message, which is %d bytes, or one message could cut a reader off", c.MaxMessage))
	}
	if len(mistakes) == 0 {
		return nil
	}
	return mistakes
}

func checkListen(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address; write host:port, like 127.0.0.1:8080 or :8080", s)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return fmt.Errorf("%q: the port can't be %q", s, port)
	}
	if strings.ContainsAny(host, "/ *") {
		return fmt.Errorf("%q: the host can't be %q", s, host)
	}
	return nil
}

func checkPath(s string) error {
	if !strings.HasPrefix(s, "/") {
		return fmt.Errorf("%q does not begin with a slash", s)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"#%<>?\^{|}*`, c) >= 0 {
			return fmt.Errorf("%q: %q can't be in a path", s, c)
		}
	}
	for part := range strings.SplitSeq(s[1:], "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%q: a path has no empty parts, and does not end with a slash", s)
		}
	}
	return nil
}

// parsePrefix reads a network, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no network; write it like 10.0.0.0/8", s)
	case p.Bits() == 0:
		return netip.Prefix{}, errors.New("to trust every address is to believe whatever a client says")
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q: write an IPv4 network as one", s)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits beyond its length; did you mean %s?", s, p.Masked())
	}
	return p, nil
}
