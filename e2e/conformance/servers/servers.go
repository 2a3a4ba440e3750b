// Package servers holds a server against docs/protocol.md, from outside: it
// speaks to its URL as clients do, and looks at each frame that comes back.
//
// It uses channels and client ids of its own, with random names, so that it can
// be let loose on a server in use. What it sends is a few hundred messages, the
// largest as large as the server allows.
//
// Some promises can't be looked at from outside: that a slow reader is cut off,
// what happens while the store is away or when the server stops, and what goes
// for several nodes. Others depend on how the server is configured; where that
// hides them, the result is [trial.Skip], with the reason.
package servers

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

const (
	// patience bounds each wait for what must come.
	patience = 12 * time.Second
	// watch is how long is looked at what must not come, where nothing else
	// tells that it would have come by then.
	watch = 300 * time.Millisecond
	// longest bounds all checks together. The longest waits for a held answer.
	longest = 30 * time.Second
	// longestHold is how long an answer is waited for that may be held.
	longestHold = 28 * time.Second
)

// A Config says which server is looked at, and how.
type Config struct {
	URL    string // of the channel: http, https, ws or wss
	Token  string // for servers that ask for one
	Prefix string // of the names of channels; "": "conformance-"
	AtOnce int    // checks at a time, beside those that do nothing but wait; 0: 6
	// Want chooses checks by their Section, Number and Promise; nil: all.
	Want func(trial.Result) bool
}

// Run looks at a server, for 30 seconds at most, and returns a result for each
// promise in the order of docs/protocol.md. The error tells of a URL that can't
// be, or a server that does not answer at all.
func Run(ctx context.Context, cfg Config) ([]trial.Result, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("servers: %w", err)
	}
	scheme := map[string]string{"http": "http", "https": "https", "ws": "http", "wss": "https"}[u.Scheme]
	if scheme == "" || u.Host == "" || u.RawQuery != "" {
		return nil, errors.New("servers: the URL is to be http, https, ws or wss, with a host and without a query")
	}
	u.Scheme = scheme
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	s := &suite{
		cfg: cfg, url: u.String(), run: strings.ToLower(rand.Text()[:8]),
		http:   &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		prefix: cmp.Or(cfg.Prefix, "conformance-"),
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := s.greet(ctx); err != nil {
		return nil, err
	}
	return trial.Run(ctx, s.trials(), cmp.Or(cfg.AtOnce, 6), cfg.Want), nil
}

// A suite is what all checks share.
type suite struct {
	cfg    Config
	url    string
	run    string // a random part of all names
	http   *http.Client
	prefix string

	maxMessage int // bytes, as "welcome" told
	ping       int // seconds, too
}

// A check looks at one promise; see trial.Check.
type check struct {
	section, promise string
	says             string
	run              func(*probe)
	idle             bool
}

// Promises are those that Run looks at, without a status.
func Promises() []trial.Result { return trial.Promises(new(suite).trials()) }

func (s *suite) trials() []trial.Check {
	var all []trial.Check
	for _, list := range [][]check{
		urlChecks(), wordChecks(), frameChecks(), clientFrameChecks(), serverFrameChecks(), promiseChecks(), presenceChecks(),
		webSocketChecks(), longPollChecks(), exchangeChecks(), seedChecks(), textChecks(), accessChecks(),
	} {
		for _, c := range list {
			all = append(all, trial.Check{Section: c.section, Promise: c.promise, Says: c.says, Idle: c.idle, Run: func(t *trial.T) {
				c.run(&probe{T: t, suite: s})
			}})
		}
	}
	return all
}

// greet asks the server for its bounds, over whatever works.
func (s *suite) greet(ctx context.Context) error {
	var fault error
	one := trial.Check{Run: func(t *trial.T) {
		p := &probe{T: t, suite: s}
		welcome := p.exchange(p.id("first"), `{"op":"ping"}`)
		if len(welcome) == 0 || welcome[0].Op != "welcome" {
			t.Failf("an exchange with a ping was answered with %s", texts(welcome))
		}
		s.maxMessage, s.ping = welcome[0].num("max_message"), welcome[0].num("ping")
	}}
	for _, r := range trial.Run(ctx, []trial.Check{one}, 1, nil) {
		if r.Status != trial.Pass {
			fault = fmt.Errorf("servers: %s does not speak the protocol: %s\n%s", s.url, r.Why, strings.Join(r.Frames, "\n"))
		}
	}
	return fault
}
