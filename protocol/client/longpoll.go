package client

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/commchannel/gateway/protocol"
)

var _ link = (*longPoll)(nil)

// A longPoll is a link over HTTP. Beneath its WebSocket's face, one exchange
// with all subscriptions is always held by the gateway, and what is to be
// answered at once goes in others beside it, one at a time so that sends keep
// their order.
//
// The gateway keeps nothing between exchanges. Which channels there are, and
// where they stand, is read off the frames that pass.
type longPoll struct {
	url     string
	http    *http.Client
	backoff Backoff        // of fruitless exchanges
	random  func() float64 // in [0, 1)
}

func newLongPoll(url string, hc *http.Client, b Backoff) *longPoll {
	b.Max = min(b.Max, max(b.Min, fruitlessPause))
	return &longPoll{url: url, http: hc, backoff: b, random: rand.Float64}
}

// A polling is a longPoll that runs. All of it belongs to run's goroutine.
type polling struct {
	// static
	link    *longPoll
	hello   protocol.ClientFrame
	in      func([]protocol.ServerFrame) bool
	answers chan *request // that have their answer
	running sync.WaitGroup

	welcomed bool
	id       string                 // the client's, once it is welcomed
	outgoing []protocol.ClientFrame // to be answered at once
	stands   map[string]*stand      // by channel
	prompt   *request               // the exchange that is answered at once, nil: none
	held     *request               // the one that is held, nil: none
	began    time.Time              // when the last one that was held did

	fruitless int         // exchanges in a row that came back at once, for nothing
	pause     *time.Timer // before more of them
	paused    bool
}

// A stand is where a channel stands.
type stand struct {
	frame protocol.ClientFrame // that subscribes to it as of now
	begun bool                 // the gateway has answered it once
	rests bool                 // it was asked for in vain, and waits for the pause
}

// A request is one exchange.
type request struct {
	stands map[string]*stand          // of the channels it asks for
	places map[string]protocol.Cursor // where they stood
	began  time.Time
	within time.Duration
	cancel context.CancelFunc
	news   bool // a subscription has begun by it, or was refused

	answer []protocol.ServerFrame
	err    error
}

func newRequest(within time.Duration) *request {
	return &request{stands: make(map[string]*stand), places: make(map[string]protocol.Cursor), within: within}
}

func (r *request) asks(channel string, st *stand) {
	r.stands[channel], r.places[channel] = st, st.frame.Since
}

func (l *longPoll) run(ctx context.Context, p pipe) error {
	hello, err := p.hello(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &polling{
		link: l, hello: hello, in: p.in,
		answers: make(chan *request), stands: make(map[string]*stand),
		pause: time.NewTimer(0),
		// The ping has the first exchange answered at once.
		outgoing: []protocol.ClientFrame{{Op: protocol.OpPing}},
	}
	defer func() {
		cancel()
		s.running.Wait()
		if l, ok := errors.AsType[*leaving](context.Cause(ctx)); ok && s.welcomed {
			s.sayGoodbye(l.frames)
		}
	}()
	for {
		s.wake(ctx)
		out := p.out
		if len(s.outgoing) >= exchangeFrames {
			out = nil // what is there goes first
		}
		select {
		case f := <-out:
			s.take(f)
		case r := <-s.answers:
			if err := s.answered(r); err != nil {
				return err
			}
		case <-s.pause.C:
			s.resume()
		case <-ctx.Done():
			return errDropped
		}
	}
}

// take takes over a frame that is to be sent.
func (s *polling) take(f protocol.ClientFrame) {
	switch f.Op {
	case protocol.OpSubscribe:
		s.stands[f.Channel] = &stand{frame: f}
	case protocol.OpUnsubscribe:
		delete(s.stands, f.Channel) // nothing is kept for it over there
		s.abort()
	default:
		s.outgoing = append(s.outgoing, f)
	}
}

// wake starts what is to be started.
func (s *polling) wake(ctx context.Context) {
	if s.prompt == nil {
		s.ask(ctx)
	}
	if s.held == nil && !s.paused && s.welcomed {
		s.hold(ctx)
	}
}

// ask starts an exchange that is answered at once, if there is something to
// say: subscriptions that begin, and after them the rest, so that no answer to
// a send is missed.
func (s *polling) ask(ctx context.Context) {
	r := newRequest(exchangeAnswer)
	frames := []protocol.ClientFrame{s.hello}
	for channel, st := range s.stands {
		if !st.begun && !st.rests && len(frames) < exchangeFrames {
			frames = append(frames, st.frame)
			r.asks(channel, st)
		}
	}
	size, n := 0, 0
	for ; n < len(s.outgoing) && len(frames) < exchangeFrames && size < exchangeBytes; n++ {
		size += len(s.outgoing[n].Payload)
		frames = append(frames, s.outgoing[n])
	}
	s.outgoing = s.outgoing[n:]
	switch {
	case len(frames) == 1:
		return
	case n == 0: // subscriptions with a place alone would be held
		frames = append(frames, protocol.ClientFrame{Op: protocol.OpPing})
	}
	s.prompt = r
	s.start(ctx, r, frames)
}

// hold starts an exchange with all channels that have begun.
func (s *polling) hold(ctx context.Context) {
	r := newRequest(exchangeHeld)
	frames := []protocol.ClientFrame{s.hello}
	for channel, st := range s.stands {
		if st.begun {
			frames = append(frames, st.frame)
			r.asks(channel, st)
		}
	}
	if len(frames) > 1 {
		s.held = r
		s.start(ctx, r, frames)
		s.began = r.began
	}
}

func (s *polling) start(ctx context.Context, r *request, frames []protocol.ClientFrame) {
	var asking context.Context
	asking, r.cancel = context.WithTimeout(ctx, r.within)
	r.began = time.Now()
	s.running.Go(func() {
		defer r.cancel()
		r.answer, r.err = exchange(asking, s.link.http, s.link.url, frames)
		select {
		case s.answers <- r:
		case <-ctx.Done():
		}
	})
}

// abort ends the held exchange, since its list is not right any more.
func (s *polling) abort() {
	if s.held != nil {
		s.held.cancel()
		s.held = nil
	}
}

// answered takes over what an exchange brought. Its error ends the link.
func (s *polling) answered(r *request) error {
	switch r {
	case s.prompt:
		s.prompt = nil
	case s.held:
		s.held = nil
		if errors.Is(r.err, context.DeadlineExceeded) {
			// Lost, or the gateway holds for longer: a ping tells which.
			s.outgoing = append(s.outgoing, protocol.ClientFrame{Op: protocol.OpPing})
			return nil
		}
	default:
		return nil // aborted; what it brought comes again
	}
	if err := s.admit(r); err != nil {
		return err
	}
	if err := s.deliver(r); err != nil {
		return err
	}
	s.pace(r)
	return r.err
}

// admit sees to it that the first frame handed over is a welcome. The gateway
// need not have said it first, nor at all.
func (s *polling) admit(r *request) error {
	isWelcome := func(f protocol.ServerFrame) bool { return f.Op == protocol.OpWelcome }
	isError := func(f protocol.ServerFrame) bool { return f.Op == protocol.OpError }
	i := slices.IndexFunc(r.answer, isWelcome)
	switch {
	case s.welcomed:
		r.answer = slices.DeleteFunc(r.answer, isWelcome) // every exchange says hello; a WebSocket is welcomed once
		return nil
	case r.err != nil:
		return r.err
	case i >= 0:
		welcome := r.answer[i]
		r.answer = slices.Insert(slices.DeleteFunc(r.answer, isWelcome), 0, welcome)
	case len(r.answer) == 0:
		return errors.New("client: long-poll: the answer to hello is empty")
	case slices.ContainsFunc(r.answer, isError):
		return r.answer[slices.IndexFunc(r.answer, isError)].Err()
	default:
		r.answer = slices.Insert(r.answer, 0, protocol.ServerFrame{Op: protocol.OpWelcome})
	}
	s.welcomed, s.id = true, cmp.Or(r.answer[0].ClientID, s.hello.ClientID)
	return nil
}

// deliver hands over an answer, and notes where it leaves the channels.
func (s *polling) deliver(r *request) error {
	frames := r.answer[:0]
	var bye error
	for i := range r.answer {
		f := &r.answer[i]
		switch {
		case f.Op == protocol.OpBye:
			bye = &lostError{code: protocol.CloseDraining, err: errors.New("client: long-poll: " + f.Reason)}
		case !s.follow(r, f):
			continue
		}
		frames = append(frames, *f)
	}
	r.answer = frames
	if len(frames) > 0 && !s.in(frames) {
		return errDropped
	}
	return bye
}

// follow moves the stand of the channel that f is about. It reports false if f
// belongs to a subscription that is no more.
func (s *polling) follow(r *request, f *protocol.ServerFrame) bool {
	switch f.Op {
	case protocol.OpError:
		s.forget(r, f.Ref)
		return true
	case protocol.OpSubscribed, protocol.OpMessage, protocol.OpGap:
	default:
		return true
	}
	st := r.stands[f.Channel]
	if st == nil || st != s.stands[f.Channel] {
		return false
	}
	if !st.begun {
		st.begun, r.news = true, true
		s.abort() // and hold one with this channel, too
	}
	st.frame.Since, st.frame.History = f.Cursor, 0
	return true
}

// forget drops the channel whose subscribe was refused.
func (s *polling) forget(r *request, ref protocol.Ref) {
	for channel, st := range s.stands {
		if st.frame.Ref == ref {
			r.news = true
			delete(s.stands, channel)
		}
	}
}
