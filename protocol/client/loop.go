package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
)

// A loop is the goroutine that has a client's state. Links bring it what came,
// callers bring it what to do; it waits for none of them.
type loop struct {
	// static
	opts     Options
	open     func(Transport) link
	random   func() float64 // in [0, 1)
	calls    chan func()
	arrivals chan arrival
	endings  chan ending
	leaving  chan struct{}  // closed when the client is to end
	done     chan struct{}  // closed when it has
	links    sync.WaitGroup // goroutines of links
	first    chan error     // nil at the first welcome, or what the first attempts failed with

	// for everybody
	mu     sync.Mutex
	id     string // the client's
	status *status

	// owned by run; err is everybody's once done is closed
	err        error // why the client ends
	lastRef    int64
	maxMessage int // bytes, 0: not told yet
	topics     map[string]*topic
	outbox     []*entry // in the order they were asked
	connection
}

// An arrival is what a link brought; no frames are a sign of life.
type arrival struct {
	from   *session
	frames []protocol.ServerFrame
}

// An ending is a link's end.
type ending struct {
	of  *session
	err error
}

func newLoop(opts Options, open func(Transport) link) *loop {
	return &loop{
		opts: opts, open: open, random: rand.Float64,
		calls: make(chan func()), arrivals: make(chan arrival), endings: make(chan ending),
		leaving: make(chan struct{}), done: make(chan struct{}), first: make(chan error, 1),
		id: opts.ClientID, status: newStatus(),
		topics:     make(map[string]*topic),
		connection: newConnection(),
	}
}

// run is the loop. It ends when the client does, and leaves nothing behind.
func (l *loop) run() {
	defer close(l.done)
	defer func() { l.status.set(State{Status: Closed, Err: l.err}) }()
	l.attempt()
	for l.err == nil {
		out, frame := l.next()
		select {
		case call := <-l.calls:
			call()
		case a := <-l.arrivals:
			l.arrived(a)
		case e := <-l.endings:
			l.linkEnded(e.of, asLost(e.err))
		case out <- frame:
			l.handedOver()
		case <-l.again.timer.C:
			l.attempt()
		case <-l.silence.timer.C:
			l.silent()
		case <-l.welcome.timer.C:
			l.drop(l.trying[WebSocket])
		case <-l.leaving:
			l.err = ErrClosed
		}
	}
	l.disconnect()
	l.rejectAll()
	l.endTopics()
	l.tellFirst(l.err)
	l.links.Wait()
}

// do has f done by the loop, and waits for that. It reports false, and f is not
// done, if the client has ended.
func (l *loop) do(f func()) bool {
	finished := make(chan struct{})
	select {
	case l.calls <- func() { f(); close(finished) }:
		<-finished
		return true
	case <-l.done:
		return false
	}
}

// after has f done by the loop after a while, unless the timer is stopped.
func (l *loop) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { l.do(f) })
}

// tellFirst tells Dial how it went.
func (l *loop) tellFirst(err error) {
	select {
	case l.first <- err:
	default:
	}
}

// clientID is who the client is. Any goroutine may ask.
func (l *loop) clientID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

func (l *loop) newRef() protocol.Ref {
	l.lastRef++
	return protocol.NewRef(l.lastRef)
}

// frame does what the active link's frame says.
func (l *loop) frame(f *protocol.ServerFrame) {
	switch f.Op {
	case protocol.OpSubscribed, protocol.OpMessage, protocol.OpGap, protocol.OpJoin, protocol.OpLeave:
		if t := l.topics[f.Channel]; t != nil {
			l.topicFrame(t, f)
		}
	case protocol.OpPresence:
		if _, asked := f.Ref.Value(); asked {
			l.settle(f)
		} else if t := l.topics[f.Channel]; t != nil {
			l.topicFrame(t, f)
		}
	case protocol.OpSent, protocol.OpPong:
		l.settle(f)
	case protocol.OpError:
		if !l.settle(f) && !l.subscribeFailed(f) {
			l.opts.Logger.Debug("the gateway told of an error", "code", string(f.Code), "message", f.Message)
		}
	}
}

// A session is a link that runs, or has run. It belongs to the loop.
type session struct {
	kind    Transport
	out     chan protocol.ClientFrame
	cancel  context.CancelCauseFunc
	since   time.Time     // of its welcome
	within  time.Duration // for its welcome, once it has its token
	began   bool          // it has
	pending []pending     // what goes out next; bounded by what the outbox and the topics hold
}

// A pending frame waits for its link to take it.
type pending struct {
	frame protocol.ClientFrame
	entry *entry // whose frame it is; nil: nobody waits for it
}

// start opens a link, which has so long for its welcome.
func (l *loop) start(kind Transport, within time.Duration) *session {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &session{kind: kind, within: within, out: make(chan protocol.ClientFrame), cancel: cancel}
	in := func(frames []protocol.ServerFrame) bool {
		select {
		case l.arrivals <- arrival{s, frames}:
			return true
		case <-ctx.Done():
			return false
		}
	}
	way, id := l.open(kind), l.clientID()
	hello := func(ctx context.Context) (protocol.ClientFrame, error) {
		f := protocol.ClientFrame{Op: protocol.OpHello, ClientID: id}
		if l.opts.Token == nil {
			return f, nil
		}
		ctx, cancel := context.WithTimeout(ctx, tokenAnswer)
		defer cancel()
		var err error
		if f.Token, err = l.opts.Token(ctx); err != nil {
			return f, fmt.Errorf("client: token: %w", err)
		}
		in(nil) // the time for the welcome begins now
		return f, nil
	}
	l.links.Go(func() {
		defer cancel(nil)
		err := way.run(ctx, pipe{hello: hello, out: s.out, in: in})
		select {
		case l.endings <- ending{s, err}:
		case <-ctx.Done():
		}
	})
	return s
}

// push queues a frame on the active link, if there is one.
func (l *loop) push(f protocol.ClientFrame, e *entry) {
	if l.active != nil {
		l.active.pending = append(l.active.pending, pending{f, e})
	}
}

// next is what the active link is to send, nil and nothing if there is none.
func (l *loop) next() (chan<- protocol.ClientFrame, protocol.ClientFrame) {
	if l.active == nil || len(l.active.pending) == 0 {
		return nil, protocol.ClientFrame{}
	}
	return l.active.out, l.active.pending[0].frame
}

// handedOver notes that the active link has taken its next frame.
func (l *loop) handedOver() {
	p := l.active.pending[0]
	l.active.pending = l.active.pending[1:]
	if p.entry != nil && p.entry.sent.IsZero() {
		p.entry.sent = wall()
	}
	if p.frame.Op == protocol.OpSend {
		l.expectAnswer()
	}
}

// wall is the time without Go's monotonic clock, which stands still while the
// machine sleeps.
func wall() time.Time { return time.Now().Round(0) }
