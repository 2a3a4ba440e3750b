// Package bench loads a gateway and measures it: what of the messages came, in
// which order and when, and what that cost the server.
//
// Its clients are made to cost less than what they measure. On Linux a few
// goroutines read all subscribers by epoll, and a subscriber's side of the
// conversation, a [Session], looks only for what it needs in the bytes that
// came. Every message holds its number and the time at which it was due;
// latency counts from there, so that a publisher that falls behind is seen.
//
// How a server is spoken to is a [Dialect]. The gateway's own are here; other
// servers can be measured by others.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"time"
)

// Options say what load to make. Zero values are the defaults.
type Options struct {
	URL        string  // of the gateway's channel path; needed: ws://127.0.0.1:8080/channel
	PublishURL string  // where publishers connect; "": at URL
	Transport  string  // of the gateway's: websocket, longpoll or poll; "": websocket
	Dialect    Dialect // of another server; nil: the gateway's

	Subscribers int // connections; 0: 1000
	Channels    int // 0: 1
	Each        int // channels that each subscriber follows; 0: 1
	Publishers  int // connections; 0: 1
	Size        int // bytes of a message's payload, at least 96; 0: 128
	Rate        int // messages a second over all channels; 0: as many as go

	Duration time.Duration // of the publishing; 0: 10 s
	Pause    time.Duration // of polling clients, between an answer and the next poll; 0: 500 ms
	Settle   time.Duration // of doing nothing once all are connected; 0: 2 s
	Idle     bool          // no publishing: what do connections cost that do nothing?

	Connecting int   // connections that are being opened at a time; 0: 64
	Readers    int   // goroutines that read; 0: one for two cores
	PIDs       []int // of the server, for its CPU and memory; their children count, too; none: not measured

	Progress io.Writer // where a line tells how far it is, again and again; nil: nowhere

	patience time.Duration // how long nothing comes before no more is waited for; 0: 5 s
	portable bool          // a goroutine for each subscriber, as where there is no epoll
}

func (o Options) withDefaults() (Options, error) {
	for _, n := range []int{o.Subscribers, o.Channels, o.Each, o.Publishers, o.Size, o.Rate, o.Connecting, o.Readers,
		int(o.Duration), int(o.Pause), int(o.Settle)} {
		if n < 0 {
			return o, errors.New("bench: a number, size or time can't be negative")
		}
	}
	o.PublishURL = cmp.Or(o.PublishURL, o.URL)
	o.Transport = cmp.Or(o.Transport, overWebSocket)
	o.Subscribers = cmp.Or(o.Subscribers, 1000)
	o.Channels = cmp.Or(o.Channels, 1)
	o.Each = cmp.Or(o.Each, 1)
	o.Publishers = cmp.Or(o.Publishers, 1)
	o.Size = cmp.Or(o.Size, 128)
	o.Connecting = cmp.Or(o.Connecting, 64)
	o.Readers = cmp.Or(o.Readers, max(1, runtime.GOMAXPROCS(0)/2))
	o.Duration = cmp.Or(o.Duration, 10*time.Second)
	o.Pause = cmp.Or(o.Pause, 500*time.Millisecond)
	o.Settle = cmp.Or(o.Settle, 2*time.Second)
	o.patience = cmp.Or(o.patience, 5*time.Second)
	switch {
	case o.Size < minSize:
		return o, fmt.Errorf("bench: a message has %d bytes at least", minSize)
	case o.Each > o.Channels:
		return o, fmt.Errorf("bench: a subscriber can't follow %d channels of %d", o.Each, o.Channels)
	}
	return o, nil
}

// A Result is what was measured.
type Result struct {
	Options   Options
	Published int
	Delivered int
	Elapsed   time.Duration // of publishing, until the last delivery
	Behind    time.Duration // how late a message was sent at most

	Lost       int   // never came
	Doubled    int   // came again
	Disordered int   // came behind a later one of the same publisher
	Differing  int   // subscribers that got several publishers' messages in an order of their own
	Gaps       int   // the server said that messages may be missing
	Cut        int   // subscribers whose connection ended
	CutError   error // why the first of them did

	Latency Latency // from the time a message was due until it was read

	ConnectTime    time.Duration // of all subscribers
	ConnectLatency Latency       // of each, until it followed its channels

	CPU          time.Duration // the server's, from the first message to the last delivery
	ConnectCPU   time.Duration // the server's, while connecting
	GeneratorCPU time.Duration // this process's, like CPU

	Before, Connected Memory // without subscribers, and with all of them at rest
}

// fault tells of messages that did not come as they were sent.
func (r *Result) fault() error {
	var faults []error
	for _, f := range []struct {
		count int
		what  string
	}{
		{r.Lost, "messages lost"},
		{r.Doubled, "doubled"},
		{r.Disordered, "out of order"},
		{r.Differing, "subscribers with an order of their own"},
	} {
		if f.count > 0 {
			faults = append(faults, fmt.Errorf("bench: %d %s", f.count, f.what))
		}
	}
	if r.Cut > 0 {
		faults = append(faults, fmt.Errorf("bench: %d subscribers cut off; the first: %w", r.Cut, r.CutError))
	}
	return errors.Join(faults...)
}

// Run makes the load and measures. It ends early with ctx. Its error tells that
// it could not be measured, and the Result is empty; or, with all else in the
// Result, that what came is not what was sent.
func Run(ctx context.Context, o Options) (Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Result{}, err
	}
	target, err := parseTarget(o.URL)
	if err != nil {
		return Result{}, err
	}
	publishTarget, err := parseTarget(o.PublishURL)
	if err != nil {
		return Result{}, err
	}
	if o.Dialect == nil {
		if o.Dialect, err = gatewayDialect(o, target.url); err != nil {
			return Result{}, err
		}
	}
	if err := raiseFileLimit(o.Subscribers + o.Publishers + spareFiles); err != nil {
		return Result{}, err
	}
	r := newRun(o, target, publishTarget)
	if err := r.measure(ctx); err != nil {
		return Result{}, err
	}
	return r.result, r.result.fault()
}

// spareFiles are open beside connections.
const spareFiles = 64

// A target is where to connect.
type target struct {
	url    *url.URL
	secure bool
	addr   string // host:port
}

func parseTarget(s string) (target, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return target{}, fmt.Errorf("bench: %q is no URL of a server", s)
	}
	t := target{url: u, addr: u.Host}
	port := "80"
	switch u.Scheme {
	case "wss", "https":
		t.secure, port = true, "443"
	case "ws", "http", "tcp":
	default:
		return target{}, fmt.Errorf("bench: %q: the scheme is none of ws, wss, http and https", s)
	}
	if u.Port() == "" {
		t.addr += ":" + port
	}
	return t, nil
}
