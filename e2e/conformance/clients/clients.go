// Package clients holds a client against docs/protocol.md: it plays a server,
// does to the client what a server may do, and looks at what the client does on
// the wire and at what it tells its application.
//
// # Drivers
//
// The client is moved by a program, its driver. It is started anew for each
// check, as
//
//	DRIVER... URL CHANNEL CLIENTID TRANSPORT
//
// where TRANSPORT is "websocket" or "longpoll", the one that the server of the
// check offers. It connects to URL as CLIENTID, subscribes to CHANNEL from now
// on, without echo, and stays until its standard input ends; then it ends within 10
// seconds. Each line of its standard input is a JSON object, which is to be
// done:
//
//	{"do":"send","type":"msg","payload":{"any":"JSON"}}
//
// Each line of its standard output is a JSON object, which tells what the client
// has told its application:
//
//	{"event":"message","id":"x1","type":"msg","from":"bob","payload":"hi"}
//	{"event":"gap"}                                 messages may be missing
//	{"event":"sent","id":"x2"}                      a send was acknowledged
//	{"event":"failed","code":"too_large"}           or it was not
//	{"event":"ended","code":"unauthorized"}         the client won't come back by itself
//	{"event":"lacks","what":"own"}                  see below
//
// "from" may be missing, and "code" may be anything. What a client is not made
// for it says before all others, with "lacks": "own", to leave one's own
// messages out; "backoff", to come back by itself. The checks of that are
// skipped. Standard error is for people.
package clients

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/commchannel/gateway/e2e/conformance/trial"
)

const (
	// patience bounds each wait for what must come. Clients back off for up to
	// some seconds, and may be started slowly.
	patience = 25 * time.Second
	// away is how long a client is watched that is not to come back. Those that
	// would do so come within two seconds, mostly.
	away = 3 * time.Second
	// longest bounds all checks together.
	longest = 2 * time.Minute
)

// The transports.
const (
	WebSocket = "websocket"
	LongPoll  = "longpoll"
)

// A Config says which client is looked at, and how.
type Config struct {
	Driver    []string // the program, and its first arguments
	Transport string   // "": WebSocket
	AtOnce    int      // checks, and so drivers, at a time; 0: 4
	// Want chooses checks by their Section, Number and Promise; nil: all.
	Want func(trial.Result) bool
}

// Run looks at a client and returns a result for each promise. It takes two
// minutes at most. The error tells of a Config that can't be.
func Run(ctx context.Context, cfg Config) ([]trial.Result, error) {
	cfg.Transport = cmp.Or(cfg.Transport, WebSocket)
	if len(cfg.Driver) == 0 {
		return nil, errors.New("clients: there is no driver")
	}
	if cfg.Transport != WebSocket && cfg.Transport != LongPoll {
		return nil, fmt.Errorf("clients: there is no transport %q", cfg.Transport)
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	return trial.Run(ctx, trials(cfg), cmp.Or(cfg.AtOnce, 4), cfg.Want), nil
}

// Promises are those that Run looks at on a transport, without a status.
func Promises(transport string) []trial.Result {
	return trial.Promises(trials(Config{Transport: transport}))
}

func trials(cfg Config) []trial.Check {
	var all []trial.Check
	for _, c := range scenes() {
		if c.on == "" || c.on == cfg.Transport {
			all = append(all, trial.Check{Section: c.section, Promise: c.promise, Says: c.says, Run: func(t *trial.T) { play(t, cfg, c) }})
		}
	}
	return all
}

// play sets the stage for a scene.
func play(t *trial.T, cfg Config, c sceneCheck) {
	unique := strings.ToLower(rand.Text()[:8])
	s := &scene{T: t, server: newServer(t, cfg.Transport, "stage-"+unique, "client-"+unique)}
	t.Cleanup(s.server.close)
	if c.set != nil {
		c.set(s.server)
	}
	url, err := s.server.listen()
	if err != nil {
		t.Failf("%v", err)
	}
	s.driver, err = startDriver(t, append(append([]string{}, cfg.Driver...), url, s.server.channel, s.server.client, cfg.Transport))
	if err != nil {
		t.Failf("the driver: %v", err)
	}
	t.Cleanup(s.driver.end)
	c.run(s)
	if fault := s.server.fault(); fault != "" {
		t.Failf("%s", fault)
	}
}
