// Package doctor looks at a gateway from where a client is, through whatever
// lies between, and at its store. It tells in plain verdicts what does not
// work, and what to change.
//
// It knows a gateway by docs/protocol.md alone, and goes by what comes back: a
// proxy is only ever known by what it does. All that it sends goes to channels
// and keys of random names, whose life is short.
package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// Options say what to look at, and from where.
type Options struct {
	// URL is the gateway's as clients have it: http, https, ws or wss. Without
	// a path it is that of /channel.
	URL string
	// Origin is that of pages that are to get in; "": it is not looked at.
	Origin string
	// Store is the gateway's; nil: it is not looked at.
	Store *Store
	// From is the address to connect from, on a machine that has several. The
	// zero Addr: whichever the system takes.
	From netip.Addr
	// Quick leaves out what takes long: connections are watched for 3 seconds,
	// and items in the store are not waited for.
	Quick bool

	// Told gets each verdict as soon as it is known, in the order of the
	// report; nil: nobody.
	Told func(Verdict)
	// Watching is called when all verdicts but the last ones are told, and
	// WebSockets are open that will be watched for so long; nil: it is not.
	// One goroutine at a time calls it or Told.
	Watching func(time.Duration)

	TLS *tls.Config   // nil: certificates are checked as the system does
	PHP func() string // the path of PHP's interpreter, "" for none; nil: there is none
}

// Every time that the doctor keeps.
const (
	answerIn  = 10 * time.Second // an answer that is given at once
	welcomeIn = 5 * time.Second  // on a WebSocket
	arriveIn  = 5 * time.Second  // a message, from when it was sent
	lateAfter = 2 * time.Second  // a message or an answer counts as held back

	quickWatch = 3 * time.Second
	pingSlack  = 3 * time.Second // a watched WebSocket is to hear a ping within its time and this
	longWatch  = time.Minute     // no WebSocket is watched for longer
	longHold   = 45 * time.Second
	usualCut   = time.Minute            // after which common proxies cut what is idle
	clientHold = 40 * time.Second       // for which clients wait for a held answer
	usualHold  = 25 * time.Second       // of gateways; their pings, too
	busyPace   = 500 * time.Millisecond // of pings on a connection that is kept busy
)

// Examine looks at everything, which takes about half a minute, or some
// seconds if it is to be quick. Its error tells what in o can't be, or is
// ctx's; whatever else goes wrong is in the report.
func Examine(ctx context.Context, o Options) (*Report, error) {
	x, err := newExam(o)
	if err != nil {
		return nil, err
	}
	defer x.http.CloseIdleConnections()
	x.run(ctx)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("doctor: %w", err)
	}
	x.skipRest("not looked at")
	return x.report(), nil
}

// An exam is one look at one gateway.
type exam struct {
	// static
	o       Options
	url     *url.URL // http or https
	http    *http.Client
	name    string // random, in the names of channels and clients
	channel string

	// found by one step for those that follow
	route   route                // how the first connection went
	address answer               // to ?getIP
	welcome protocol.ServerFrame // the zero frame where none came
	first   answer               // to an exchange of frames
	polled  answer               // to a poll
	works   [ways]bool           // which transports do
	clocks  []clockSample

	mu       sync.Mutex
	verdicts map[ID]Verdict
	told     int // of the table
}

func newExam(o Options) (*exam, error) {
	u, err := CheckURL(o.URL)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: answerIn}
	if o.From.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: o.From.AsSlice(), Zone: o.From.Zone()}
	}
	name := "doctor-" + rand.Text()
	return &exam{
		o: o, url: u, name: name, channel: name + "-round",
		http: &http.Client{
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment, // as a client's
				DialContext:         dialer.DialContext,
				TLSClientConfig:     o.TLS,
				TLSHandshakeTimeout: answerIn,
				ForceAttemptHTTP2:   true,
				DisableCompression:  true, // that something compresses is to be seen
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		verdicts: make(map[ID]Verdict),
	}, nil
}

// CheckURL reads a gateway's URL. Its error tells why it can't be one.
func CheckURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the rest repeats the URL, which may hold a secret
	}
	if err != nil {
		return nil, fmt.Errorf("the URL can't be read: %w", err)
	}
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	case "http", "https":
	default:
		return nil, errors.New("the URL is to begin with http://, https://, ws:// or wss://, like https://shop.example/channel")
	}
	if u.Host == "" {
		return nil, errors.New("the URL names no host; write it like https://shop.example/channel")
	}
	if q := u.Query(); q.Has("clientid") || q.Has("channelid") {
		return nil, errors.New("the URL is to have no clientid and no channelid: channels and clients are made up")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/channel"
	}
	u.Fragment = ""
	return u, nil
}

// run takes the steps in the order of the table, as far as they make sense.
func (x *exam) run(ctx context.Context) {
	reached := x.reach(ctx) && x.identify(ctx)
	if reached {
		x.tryPoll(ctx)
		x.judgeHeaders()
		x.seenAddress()
		x.origins(ctx)
		x.openSocket(ctx)
		x.round(ctx)
		x.clock()
	} else {
		x.skipGateway("there is no gateway to ask")
	}
	x.examineStore(ctx)
	if reached {
		x.watch(ctx)
	}
}

// ownOrigin is that of pages that the URL's own host serves.
func (x *exam) ownOrigin() string { return x.url.Scheme + "://" + x.url.Host }
