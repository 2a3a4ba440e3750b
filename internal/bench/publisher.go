package bench

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// A publisher publishes over a connection of its own.
type publisher struct {
	// static
	run     *run
	number  int
	conn    net.Conn
	session Publisher

	// owned by publish
	sent   []int  // messages, by channel
	total  int    // messages
	text   []byte // of the latest message, to be used again
	behind time.Duration

	ready   chan struct{} // closed when the session is
	closing chan struct{}
	reading sync.WaitGroup
}

// dialPublishers returns those that are there, with an error, too.
func (r *run) dialPublishers(ctx context.Context) (all []*publisher, err error) {
	for i := range r.opts.Publishers {
		p, err := r.dialPublisher(ctx, i)
		if err != nil {
			return all, fmt.Errorf("bench: publisher %d: %w", i, err)
		}
		all = append(all, p)
	}
	for _, p := range all {
		select {
		case <-p.ready:
		case <-ctx.Done():
			return all, ctx.Err()
		case <-time.After(stalled):
			return all, fmt.Errorf("bench: publisher %d: no answer", p.number)
		}
	}
	return all, nil
}

func (r *run) dialPublisher(ctx context.Context, number int) (*publisher, error) {
	conn, err := dial(ctx, r.publishTarget)
	if err != nil {
		return nil, err
	}
	p := &publisher{
		run: r, number: number, conn: conn, session: r.opts.Dialect.Publisher(number),
		sent: make([]int, r.opts.Channels), ready: make(chan struct{}), closing: make(chan struct{}),
	}
	c := &client{session: p.session}
	if _, err := conn.Write(c.open()); err != nil {
		conn.Close()
		return nil, err
	}
	p.reading.Go(func() { p.read(c) })
	return p, nil
}

func (p *publisher) close() {
	close(p.closing)
	p.conn.Close()
	p.reading.Wait()
}

// read takes what the server says to the publisher, until close.
func (p *publisher) read(c *client) {
	for buf, ready := make([]byte, 4*leastRoom), false; ; {
		if c.inbox.ready && !ready {
			ready = true
			close(p.ready)
		}
		var err error
		if buf, err = c.receive(buf, p.conn.Read); err == nil {
			said, _ := c.said()
			_, err = p.conn.Write(said)
		}
		select {
		case <-p.closing:
			return
		default:
		}
		if err != nil {
			p.run.fail(fmt.Errorf("bench: publisher %d: %w", p.number, err))
			return
		}
	}
}

// mostWrite is how many bytes of messages are written at once: with this many
// there, no further message is added.
const mostWrite = 32 << 10

// publish publishes from begin on, for as long as the run has it.
func (p *publisher) publish(ctx context.Context, begin time.Time) error {
	defer context.AfterFunc(ctx, func() { p.conn.SetWriteDeadline(time.Now()) })()
	next := p.asMuchAsGoes
	if p.run.opts.Rate > 0 {
		next = p.atRate(begin)
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, begin.Add(p.run.opts.Duration))
		defer cancel()
	}
	for buf := []byte(nil); ; {
		var deliveries int64
		if buf, deliveries = next(ctx, buf[:0]); len(buf) == 0 {
			return nil
		}
		p.run.credit.expected.Add(deliveries)
		if _, err := p.conn.Write(buf); err != nil {
			return fmt.Errorf("bench: publisher %d: %w", p.number, err)
		}
	}
}

// asMuchAsGoes appends messages as soon as there is room for them; none once
// ctx has ended.
func (p *publisher) asMuchAsGoes(ctx context.Context, buf []byte) (_ []byte, deliveries int64) {
	most := min(window, max(4, windowBytes/p.run.opts.Size))
	room := p.run.credit.room(ctx, p.number, most)
	now := time.Now()
	for range room {
		if len(buf) > mostWrite {
			break
		}
		var n int
		buf, n = p.message(buf, now)
		deliveries += int64(n)
	}
	return buf, deliveries
}

// atRate makes the function that waits for the next message's time, and
// appends it with all others that are due; none once they are all sent.
func (p *publisher) atRate(begin time.Time) func(context.Context, []byte) ([]byte, int64) {
	o := &p.run.opts
	k := p.number // of all publishers' messages
	due := func() time.Time { return begin.Add(time.Duration(float64(k) / float64(o.Rate) * float64(time.Second))) }
	end := begin.Add(o.Duration)
	return func(ctx context.Context, buf []byte) (_ []byte, deliveries int64) {
		if !due().Before(end) || sleep(ctx, time.Until(due())) != nil {
			return buf, 0
		}
		now := time.Now()
		p.behind = max(p.behind, now.Sub(due()))
		for at := due(); !at.After(now) && at.Before(end) && len(buf) < mostWrite; at = due() {
			var n int
			buf, n = p.message(buf, at)
			deliveries += int64(n)
			k += o.Publishers
		}
		return buf, deliveries
	}
}

// message appends the publisher's next message. n is how many subscribers it
// is for.
func (p *publisher) message(buf []byte, due time.Time) (_ []byte, n int) {
	o := &p.run.opts
	channel := (p.number + p.total) % o.Channels
	p.text = marker{channel, p.number, p.sent[channel], due.UnixNano()}.append(p.text[:0], o.Size-2)
	p.total++
	p.sent[channel]++
	return p.session.Message(buf, channel, p.text), p.run.layout.followers(channel)
}
