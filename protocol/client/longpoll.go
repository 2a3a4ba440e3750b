package client

import (
	"context"
	"errors"
	"net/http"
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
	url  string
	http *http.Client
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
	outgoing []protocol.ClientFrame // to be answered at once
	stands   map[string]*stand      // by channel
	prompt   *request               // the exchange that is answered at once, nil: none
	held     *request               // the one that is held, nil: none
	pause    *time.Timer            // before the next held one
	paused   bool
}

// A stand is where a channel stands.
type stand struct {
	frame protocol.ClientFrame // that subscribes to it as of now
	begun bool                 // the gateway has answered it once
}

// A request is one exchange.
type request struct {
	stands map[string]*stand // of the channels it asks for
	began  time.Time
	within time.Duration
	cancel context.CancelFunc

	answer []protocol.ServerFrame
	err    error
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
			s.paused = false
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
	r := &request{stands: make(map[string]*stand), within: exchangeAnswer}
	frames := []protocol.ClientFrame{s.hello}
	for channel, st := range s.stands {
		if !st.begun && len(frames) < exchangeFrames {
			frames = append(frames, st.frame)
			r.stands[channel] = st
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
	r := &request{stands: make(map[string]*stand), within: exchangeHeld}
	frames := []protocol.ClientFrame{s.hello}
	for channel, st := range s.stands {
		if st.begun {
			frames = append(frames, st.frame)
			r.stands[channel] = st
		}
	}
	if len(frames) > 1 {
		s.held = r
		s.start(ctx, r, frames)
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
		if r.err == nil && len(r.answer) == 0 && time.Since(r.began) < exchangePause {
			// Something on the way doesn't let the gateway hold it. Polling is
			// left, at a bearable pace.
			s.paused = true
			s.pause.Reset(exchangePause)
		}
	default:
		return nil // aborted; what it brought comes again
	}
	if r.err != nil {
		return r.err
	}
	return s.deliver(r)
}

// deliver hands over an answer, and notes where it leaves the channels.
func (s *polling) deliver(r *request) error {
	frames := r.answer[:0]
	var bye error
	for i := range r.answer {
		f := &r.answer[i]
		switch {
		case f.Op == protocol.OpWelcome && s.welcomed:
			continue // every exchange says hello, and many are welcomed; a WebSocket is once
		case f.Op == protocol.OpBye:
			bye = &lostError{code: protocol.CloseDraining, err: errors.New("client: long-poll: " + f.Reason)}
		case !s.follow(r, f):
			continue
		}
		s.welcomed = true
		frames = append(frames, *f)
	}
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
		s.forget(f.Ref)
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
		st.begun = true
		s.abort() // and hold one with this channel, too
	}
	st.frame.Since, st.frame.History = f.Cursor, 0
	return true
}

// forget drops the channel whose subscribe was refused.
func (s *polling) forget(ref protocol.Ref) {
	for channel, st := range s.stands {
		if st.frame.Ref == ref {
			delete(s.stands, channel)
		}
	}
}
