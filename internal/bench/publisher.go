package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// window is how many messages may be on their way to subscribers when as many
// are published as go: enough to keep the server busy, and few enough that no
// subscriber falls behind its bound.
const window = 256

// credit counts deliveries, so that the publisher knows what is on its way.
type credit struct {
	perMessage int64 // subscribers of a channel, about
	count      atomic.Int64
	changed    chan struct{}
}

func newCredit(o Options) *credit {
	return &credit{
		perMessage: int64(max(o.Subscribers/o.Channels, 1)),
		changed:    make(chan struct{}, 1),
	}
}

func (c *credit) delivered(n int64) {
	if now := c.count.Add(n); now%(8*c.perMessage) < n {
		c.signal()
	}
}

func (c *credit) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// room waits until fewer than window of published messages are on their way.
func (c *credit) room(ctx context.Context, published int) error {
	for int64(published)*c.perMessage-c.count.Load() > window*c.perMessage {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.changed:
		case <-time.After(100 * time.Millisecond): // the last few may not signal
		}
	}
	return nil
}

// wait waits for so many deliveries, as long as there is one in each patience.
func (c *credit) wait(ctx context.Context, deliveries int64, patience time.Duration) {
	last, since := c.count.Load(), time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for last < deliveries && time.Since(since) < patience {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := c.count.Load(); now != last {
			last, since = now, time.Now()
		}
	}
}

// A publisher sends over one WebSocket.
type publisher struct {
	conn   *subscriber
	credit *credit
}

func dialPublisher(ctx context.Context, target *url.URL, o Options, c *credit) (*publisher, error) {
	conn, err := subscribe(ctx, target, o.Subscribers, channelName(o.Channels), newCredit(o))
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, conn.r) }() // ends with close
	return &publisher{conn, c}, nil
}

func (p *publisher) close() { p.conn.nc.Close() }

// publish publishes for o.Duration and returns how many messages that were.
func (p *publisher) publish(ctx context.Context, o Options) (n int, err error) {
	pad := strings.Repeat("x", o.Size)
	var frame []byte
	for begin := time.Now(); time.Since(begin) < o.Duration; n++ {
		due := time.Now()
		if o.Rate > 0 {
			due = begin.Add(time.Duration(n) * time.Second / time.Duration(o.Rate))
			if err := sleepUntil(ctx, due); err != nil {
				return n, err
			}
		} else if err := p.credit.room(ctx, n); err != nil {
			return n, err
		}
		payload := makePayload(n/o.Channels, due.UnixNano(), o.Size, pad)
		frame = textFrame(frame[:0], `{"op":"send","channel":"`+channelName(n%o.Channels)+`","type":"b","payload":`+payload+`}`)
		if _, err := p.conn.nc.Write(frame); err != nil {
			return n, fmt.Errorf("bench: publish: %w", err)
		}
	}
	return n, nil
}

func sleepUntil(ctx context.Context, t time.Time) error {
	d := time.Until(t)
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// minSize is what a payload's number and time need, in bytes.
const minSize = 64

// makePayload is message n of a channel, of so many bytes.
func makePayload(n int, due int64, size int, pad string) string {
	head := `{"n":` + strconv.Itoa(n) + `,"due":` + strconv.FormatInt(due, 10) + `,"p":"`
	return head + pad[:size-len(head)-2] + `"}`
}

var payloadKey = []byte(`"payload":{"n":`)

// readPayload finds a message's number and time in a frame.
func readPayload(frame []byte) (n int, due int64, ok bool) {
	i := bytes.Index(frame, payloadKey)
	if i < 0 {
		return 0, 0, false
	}
	rest := frame[i+len(payloadKey):]
	number, size := digits(rest)
	rest = rest[size:]
	const between = `,"due":`
	if size == 0 || len(rest) < len(between) {
		return 0, 0, false
	}
	due, size = digits(rest[len(between):])
	return int(number), due, size > 0
}

func digits(s []byte) (n int64, size int) {
	for size < len(s) && '0' <= s[size] && s[size] <= '9' {
		n = 10*n + int64(s[size]-'0')
		size++
	}
	return n, size
}
